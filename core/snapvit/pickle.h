// Pickle: reads Python pickles of protocol 2 as data. Nothing is ever executed: what a pickle would
// import and call stays a description, and only names of an allow-list may appear at all.
#ifndef SNAPVIT_CORE_SNAPVIT_PICKLE_H_
#define SNAPVIT_CORE_SNAPVIT_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,        // integer
    kInteger,     // integer
    kReal,        // real
    kText,        // text
    kSequence,    // items: a list or tuple
    kDictionary,  // items: key, value, key, value, …
    kGlobal,      // text: "module name"
    kCall,        // text: "module name" of what would be called; items: one, the
                  // sequence of its arguments
    kPersistent,  // items: one, the persistent id
  };

  Kind kind = Kind::kNone;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<const PickleValue*> items;

  // Value of a dictionary's text key; null if this is no dictionary or has none.
  const PickleValue* Find(std::string_view key) const;
  bool IsText(std::string_view expected) const { return kind == Kind::kText && text == expected; }
};

// Owns all values of one pickle. They may contain each other, in circles too: walk them to a known
// depth only.
class Pickle {
 public:
  // `globals`: the "module name"s that may appear. INVALID_ARGUMENT names the opcode, its position
  // and what was expected, also for every opcode that plain data, tensors and enums do not need.
  static absl::StatusOr<Pickle> Parse(std::string_view bytes,
                                      std::span<const std::string_view> globals);

  const PickleValue& root() const { return *root_; }

 private:
  friend class PickleMachine;
  Pickle() = default;

  std::unique_ptr<std::deque<PickleValue>> values_ = std::make_unique<std::deque<PickleValue>>();
  const PickleValue* root_ = nullptr;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PICKLE_H_
