#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/manual/manual.h"

namespace snapvit {
namespace {

// roff takes backslashes for itself everywhere, and dots and apostrophes at the start of a line; a
// dash would become a hyphen, which nobody can paste.
std::string Escape(const std::string& text) {
  std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"\n", " "}});
  if (!escaped.empty() && (escaped[0] == '.' || escaped[0] == '\'')) escaped.insert(0, "\\&");
  return escaped;
}

// "\fB\-o\fR, \fB\-\-output\fR \fIFILE\fR"
std::string Term(const OptionDescription& option) {
  if (option.is_positional()) return absl::StrCat("\\fI", Escape(option.names.front()), "\\fR");
  const std::string names =
      absl::StrJoin(option.names, ", ", [](std::string* out, const std::string& name) {
        absl::StrAppend(out, "\\fB", Escape(name), "\\fR");
      });
  return option.is_switch() ? names
                            : absl::StrCat(names, " \\fI", Escape(option.placeholder), "\\fR");
}

std::string Options(const std::vector<OptionDescription>& options, const char* heading) {
  std::string text;
  std::string group;
  for (const OptionDescription& option : options) {
    if (option.group != group) absl::StrAppend(&text, heading, " \"", option.group, "\"\n");
    group = option.group;
    absl::StrAppend(&text, ".TP\n", Term(option), "\n", Escape(option.help), "\n");
    if (option.default_value.empty()) continue;
    absl::StrAppend(&text, "Default: ", Escape(option.default_value), ".\n");
  }
  return text;
}

std::string Synopsis(const ProgramDescription& program) {
  const std::string name = absl::StrCat(".B ", Escape(program.name), "\n");
  if (program.verbs.empty()) return absl::StrCat(name, ".RI [ OPTIONS ]\n");
  return absl::StrCat(name, ".I VERB\n.RI [ OPTIONS ]\n");
}

}  // namespace

std::string ManPage(const ProgramDescription& program) {
  std::string page = absl::StrCat(
      ".TH ", absl::AsciiStrToUpper(Escape(program.name)), " 1 \"\" \"SnapViT ", program.version,
      "\" \"User Commands\"\n.SH NAME\n", Escape(program.name), " \\- ", Escape(program.summary),
      "\n.SH SYNOPSIS\n", Synopsis(program), ".SH DESCRIPTION\n");
  for (const std::string& paragraph : program.paragraphs) {
    absl::StrAppend(&page, ".PP\n", Escape(paragraph), "\n");
  }
  absl::StrAppend(&page, ".SH OPTIONS\n", Options(program.options, ".SS"));
  if (!program.verbs.empty()) absl::StrAppend(&page, ".SH VERBS\n");
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&page, ".SS \"", Escape(program.name), " ", Escape(verb.name), "\"\n",
                    Escape(verb.help), "\n", Options(verb.options, ".PP\n.B"));
  }
  return page;
}

}  // namespace snapvit
