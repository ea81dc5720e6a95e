// Making text from outside safe to repeat in logs and error messages.
#ifndef SNAPVIT_SERVER_PRINTABLE_TEXT_H_
#define SNAPVIT_SERVER_PRINTABLE_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace snapvit {

// `text` as valid UTF-8 without control characters and marks of direction: each offending byte
// becomes \xNN. At most about `max_bytes` are kept; a cut ends in "…".
std::string PrintableText(std::string_view text, size_t max_bytes);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_PRINTABLE_TEXT_H_
