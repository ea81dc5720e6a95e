#include "client/cli/verb_manual.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace snapvit::cli {
namespace {

// CLI11 shows the values of IsMember as "TEXT:{cls,mean}".
std::string PlaceholderOf(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return "";
  const std::string type = option.get_type_name();
  const size_t begin = type.find(":{");
  if (begin == std::string::npos) return type.empty() ? "VALUE" : type;
  return absl::StrReplaceAll(type.substr(begin + 2, type.find('}', begin) - begin - 2),
                             {{",", "|"}});
}

OptionDescription Describe(const CLI::Option& option) {
  OptionDescription description;
  for (const std::string& name : option.get_snames()) {
    description.names.push_back(absl::StrCat("-", name));
  }
  for (const std::string& name : option.get_lnames()) {
    description.names.push_back(absl::StrCat("--", name));
  }
  description.placeholder = PlaceholderOf(option);
  if (description.names.empty()) description.names = {description.placeholder};
  description.help = option.get_description();
  description.default_value = option.get_default_str();
  return description;
}

std::vector<OptionDescription> DescribeOptions(const CLI::App& app) {
  std::vector<OptionDescription> options;
  for (const CLI::Option* option : app.get_options()) options.push_back(Describe(*option));
  return options;
}

}  // namespace

ProgramDescription DescribeCommandLine(const CLI::App& app) {
  ProgramDescription program;
  program.name = "snapvit";
  program.version = SNAPVIT_VERSION;
  program.summary = "pretrained Vision Transformers at any compute budget";
  program.paragraphs = {app.get_description(),
                        "snapvit VERB --help prints the options of one verb. The server is "
                        "snapvit-server."};
  program.options = DescribeOptions(app);
  for (const CLI::App* verb : app.get_subcommands(/*filter=*/nullptr)) {
    program.verbs.push_back({verb->get_name(), verb->get_description(), DescribeOptions(*verb)});
  }
  return program;
}

}  // namespace snapvit::cli
