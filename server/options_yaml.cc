#include "server/options_yaml.h"

#include <yaml-cpp/yaml.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/printable_text.h"
#include "server/yaml_document.h"

namespace snapvit {
namespace {

constexpr size_t kMostShown = 100;  // bytes of a text in a message

absl::Status At(const std::string& path, int line, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", what));
}

// May throw YAML::Exception.
absl::StatusOr<std::vector<YamlEntry>> ReadEntries(const std::string& content,
                                                   const std::string& path) {
  std::vector<YamlEntry> entries;
  const YAML::Node root = LoadYamlDocument(content);
  if (root.IsNull()) return entries;
  if (!root.IsMap()) {
    return At(path, root.Mark().line + 1, "expected one mapping of option names to values");
  }
  std::map<std::string, int> lines;
  for (const auto& pair : root) {
    const int line = pair.first.Mark().line + 1;
    if (!pair.first.IsScalar()) return At(path, line, "expected an option's name as the key");
    YamlEntry entry{pair.first.Scalar(), "", line};
    if (!pair.second.IsScalar()) {
      return At(path, line, absl::StrCat(entry.key, " has no plain value, expected KEY: VALUE"));
    }
    // "?" and "!" are what the parser calls plain and quoted text.
    if (const std::string& tag = pair.second.Tag(); tag != "?" && tag != "!") {
      return At(path, line,
                absl::StrCat(entry.key, " has the tag ", PrintableText(tag, kMostShown),
                             ", expected KEY: VALUE"));
    }
    entry.value = pair.second.Scalar();
    const auto [first, inserted] = lines.emplace(entry.key, line);
    if (!inserted) {
      return At(path, line, absl::StrCat(entry.key, " was given before, in line ", first->second));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

absl::StatusOr<std::vector<YamlEntry>> ParseOptionsYaml(const std::string& content,
                                                        const std::string& path) {
  try {
    return ReadEntries(content, path);
  } catch (const YAML::Exception& error) {
    return At(path, error.mark.line + 1, absl::StrCat("is not YAML: ", error.msg));
  }
}

std::string YamlScalar(const std::string& text) {
  try {
    YAML::Emitter emitter;
    emitter << text;
    return emitter.c_str();
  } catch (const YAML::Exception&) {
    return "''";
  }
}

}  // namespace snapvit
