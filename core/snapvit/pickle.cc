#include "core/snapvit/pickle.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace snapvit {

using Kind = PickleValue::Kind;

const PickleValue* PickleValue::Find(std::string_view key) const {
  if (kind != Kind::kDictionary) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i]->IsText(key)) return items[i + 1];
  }
  return nullptr;
}

// The stack machine of the format (pickletools documents each opcode). Every value that it makes
// costs at least one byte of input, so memory is bounded by the input's size.
class PickleMachine {
 public:
  PickleMachine(std::string_view bytes, std::span<const std::string_view> globals)
      : bytes_(bytes), globals_(globals) {}

  absl::StatusOr<Pickle> Run() {
    while (!stopped_) {
      opcode_at_ = at_;
      ASSIGN_OR_RETURN(const std::string_view opcode, Take(1));
      if (absl::Status status = Step(opcode[0]); !status.ok()) return status;
    }
    return std::move(pickle_);
  }

 private:
  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(
        absl::StrFormat("is not a pickle of plain data: at byte %d %s", opcode_at_, what));
  }

  absl::StatusOr<std::string_view> Take(size_t size) {
    if (size > bytes_.size() - at_) return Wrong("it ends too early");
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  absl::StatusOr<uint64_t> TakeUnsigned(size_t size) {
    ASSIGN_OR_RETURN(const std::string_view raw, Take(size));
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
    return value;
  }

  absl::StatusOr<std::string> TakeLine() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) return Wrong("a line does not end");
    ASSIGN_OR_RETURN(const std::string_view line, Take(end - at_ + 1));
    return std::string(line.substr(0, line.size() - 1));
  }

  PickleValue* New(Kind kind) {
    pickle_.values_->emplace_back();
    pickle_.values_->back().kind = kind;
    return &pickle_.values_->back();
  }

  absl::StatusOr<PickleValue*> Pop() {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) return Wrong("a value is missing");
    PickleValue* const value = stack_.back();
    stack_.pop_back();
    return value;
  }

  // What was pushed since the last mark.
  absl::StatusOr<std::vector<const PickleValue*>> PopToMark() {
    if (marks_.empty()) return Wrong("a mark is missing");
    std::vector<const PickleValue*> items(stack_.begin() + static_cast<long>(marks_.back()),
                                          stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  absl::Status Append(std::vector<const PickleValue*> items, Kind kind) {
    ASSIGN_OR_RETURN(PickleValue * container, Pop());
    if (container->kind != kind || (kind == Kind::kDictionary && items.size() % 2 != 0)) {
      return Wrong("items are added to what does not take them");
    }
    container->items.insert(container->items.end(), items.begin(), items.end());
    stack_.push_back(container);
    return absl::OkStatus();
  }

  absl::Status PushInteger(size_t size) {
    ASSIGN_OR_RETURN(const uint64_t raw, TakeUnsigned(size));
    PickleValue* const value = New(Kind::kInteger);
    value->integer = size == 4 ? static_cast<int32_t>(raw) : static_cast<int64_t>(raw);
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status PushReal() {
    ASSIGN_OR_RETURN(const std::string_view raw, Take(8));
    uint64_t bits = 0;  // big-endian, unlike everything else
    for (const char c : raw) bits = bits << 8 | static_cast<uint8_t>(c);
    PickleValue* const value = New(Kind::kReal);
    std::memcpy(&value->real, &bits, sizeof(bits));
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status PushText() {
    ASSIGN_OR_RETURN(const uint64_t size, TakeUnsigned(4));
    ASSIGN_OR_RETURN(const std::string_view text, Take(size));
    PickleValue* const value = New(Kind::kText);
    value->text = std::string(text);
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status PushGlobal() {
    ASSIGN_OR_RETURN(const std::string module, TakeLine());
    ASSIGN_OR_RETURN(const std::string name, TakeLine());
    PickleValue* const value = New(Kind::kGlobal);
    value->text = absl::StrCat(module, " ", name);
    if (std::find(globals_.begin(), globals_.end(), value->text) == globals_.end()) {
      return Wrong("it refers to a Python object that is not allowed");
    }
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status PushCall() {
    ASSIGN_OR_RETURN(const PickleValue* arguments, Pop());
    ASSIGN_OR_RETURN(const PickleValue* callee, Pop());
    if (callee->kind != Kind::kGlobal || arguments->kind != Kind::kSequence) {
      return Wrong("it calls what is no known name");
    }
    PickleValue* const call = New(Kind::kCall);
    call->text = callee->text;
    call->items.push_back(arguments);  // not copied: one tuple may be the argument of many calls
    stack_.push_back(call);
    return absl::OkStatus();
  }

  absl::Status PushTuple(size_t size) {
    PickleValue* const tuple = New(Kind::kSequence);
    for (size_t i = 0; i < size; ++i) {
      ASSIGN_OR_RETURN(const PickleValue* item, Pop());
      tuple->items.insert(tuple->items.begin(), item);
    }
    stack_.push_back(tuple);
    return absl::OkStatus();
  }

  absl::Status PushPersistent() {
    ASSIGN_OR_RETURN(const PickleValue* id, Pop());
    PickleValue* const value = New(Kind::kPersistent);
    value->items.push_back(id);
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status PutMemo(size_t size) {
    ASSIGN_OR_RETURN(const uint64_t index, TakeUnsigned(size));
    if (stack_.empty()) return Wrong("a value is missing");
    memo_[index] = stack_.back();
    return absl::OkStatus();
  }

  absl::Status GetMemo(size_t size) {
    ASSIGN_OR_RETURN(const uint64_t index, TakeUnsigned(size));
    const auto it = memo_.find(index);
    if (it == memo_.end()) return Wrong("it refers to a value that was never stored");
    stack_.push_back(it->second);
    return absl::OkStatus();
  }

  absl::Status Push(Kind kind, int64_t integer = 0) {
    PickleValue* const value = New(kind);
    value->integer = integer;
    stack_.push_back(value);
    return absl::OkStatus();
  }

  absl::Status CheckProtocol() {
    ASSIGN_OR_RETURN(const uint64_t protocol, TakeUnsigned(1));
    if (protocol > 2) return Wrong(absl::StrCat("protocol ", protocol, ", expected at most 2"));
    return absl::OkStatus();
  }

  absl::Status Stop() {
    ASSIGN_OR_RETURN(pickle_.root_, Pop());
    stopped_ = true;
    return absl::OkStatus();
  }

  absl::Status AppendMarked(Kind kind) {
    ASSIGN_OR_RETURN(std::vector<const PickleValue*> items, PopToMark());
    return Append(std::move(items), kind);
  }

  absl::Status AppendOne() {
    ASSIGN_OR_RETURN(const PickleValue* item, Pop());
    return Append({item}, Kind::kSequence);
  }

  absl::Status SetOne() {
    ASSIGN_OR_RETURN(const PickleValue* value, Pop());
    ASSIGN_OR_RETURN(const PickleValue* key, Pop());
    return Append({key, value}, Kind::kDictionary);
  }

  absl::Status TupleToMark() {
    ASSIGN_OR_RETURN(std::vector<const PickleValue*> items, PopToMark());
    PickleValue* const tuple = New(Kind::kSequence);
    tuple->items = std::move(items);
    stack_.push_back(tuple);
    return absl::OkStatus();
  }

  absl::Status Step(char opcode) {
    switch (opcode) {
      case '\x80':
        return CheckProtocol();
      case '.':
        return Stop();
      case '(':
        marks_.push_back(stack_.size());
        return absl::OkStatus();
      case 'N':
        return Push(Kind::kNone);
      case '\x88':
      case '\x89':
        return Push(Kind::kBool, opcode == '\x88' ? 1 : 0);
      case 'J':
        return PushInteger(4);
      case 'K':
        return PushInteger(1);
      case 'M':
        return PushInteger(2);
      case 'G':
        return PushReal();
      case 'X':
        return PushText();
      case ']':
      case ')':
        return Push(Kind::kSequence);
      case '}':
        return Push(Kind::kDictionary);
      case 'a':
        return AppendOne();
      case 'e':
        return AppendMarked(Kind::kSequence);
      case 's':
        return SetOne();
      case 'u':
        return AppendMarked(Kind::kDictionary);
      case 't':
        return TupleToMark();
      case '\x85':
      case '\x86':
      case '\x87':
        return PushTuple(static_cast<size_t>(opcode - '\x84'));
      case 'q':
        return PutMemo(1);
      case 'r':
        return PutMemo(4);
      case 'h':
        return GetMemo(1);
      case 'j':
        return GetMemo(4);
      case 'c':
        return PushGlobal();
      case 'R':
        return PushCall();
      case 'Q':
        return PushPersistent();
      default:
        return Wrong(absl::StrFormat("opcode 0x%02x, which plain data does not need",
                                     static_cast<uint8_t>(opcode)));
    }
  }

  const std::string_view bytes_;
  const std::span<const std::string_view> globals_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
  bool stopped_ = false;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;  // heights of the stack
  std::map<uint64_t, PickleValue*> memo_;
};

absl::StatusOr<Pickle> Pickle::Parse(std::string_view bytes,
                                     std::span<const std::string_view> globals) {
  return PickleMachine(bytes, globals).Run();
}

}  // namespace snapvit
