// The one table of snapvit-server's options. A row gives an option its flag (--name), its YAML key
// (name) and its environment variable (SNAPVIT_NAME), its help, and how its text is checked, stored
// and printed.
#ifndef SNAPVIT_SERVER_OPTION_TABLE_H_
#define SNAPVIT_SERVER_OPTION_TABLE_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/options.h"

namespace snapvit {

struct OptionRow {
  const char* group;        // heading in --help
  const char* name;         // "max-images"
  const char* placeholder;  // "N"; empty: a switch, true when it is given without a value
  const char* help;         // one or more sentences
  // Stores `text`. INVALID_ARGUMENT "'text' …, expected …" without the option's name: the caller
  // knows where the text came from and says so.
  absl::Status (*set)(std::string_view text, ServerOptions& options);
  // The text that `set` reads back as the present value; empty: not set.
  std::string (*get)(const ServerOptions& options);

  bool is_switch() const { return placeholder[0] == '\0'; }
  // "SNAPVIT_MAX_IMAGES".
  std::string Variable() const;
};

// All rows, in the order of --help.
std::span<const OptionRow> OptionTable();

// The row of `name`, which may use underscores for dashes; null if there is none.
const OptionRow* FindOption(std::string_view name);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTION_TABLE_H_
