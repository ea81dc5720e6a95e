#include "core/model/json_document.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// The parser quotes what it read last, which may be most of a hostile file.
constexpr size_t kMaxProblemBytes = 300;

// Builds the document from the parser's events. The parser itself keeps its nesting on the heap, so
// depth is limited here only to bound what readers of the document (and its destructor) have to
// walk.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(JsonLimits limits) : limits_(limits) {}

  Json& document() { return root_; }
  // Why the parse stopped, and at which byte where that is known.
  const std::string& problem() const { return problem_; }
  size_t problem_offset() const { return problem_offset_; }

  bool null() override { return Add(Json(nullptr)); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(number_integer_t value) override { return Add(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Add(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return Add(Json(value)); }
  bool string(string_t& value) override { return Add(Json(std::move(value))); }
  bool binary(binary_t&) override { return Fail("binary values are not JSON"); }
  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& value) override {
    if (open_.back()->contains(value))
      return Fail(absl::StrCat("the key \"", value, "\" appears twice"));
    key_ = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    problem_offset_ = position;
    // "[json.exception.parse_error.101] parse error at line 1, column 2: what": the last part is
    // ours to keep.
    const std::string what = error.what();
    const size_t colon = what.find(": ");
    return Fail(colon == std::string::npos ? what : what.substr(colon + 2));
  }

 private:
  bool Fail(std::string problem) {
    problem_ = std::move(problem);
    if (problem_.size() > kMaxProblemBytes)
      problem_.replace(kMaxProblemBytes, std::string::npos, "…");
    return false;
  }

  // Null: one too many.
  Json* Place(Json value) {
    if (++values_ > limits_.max_values) {
      Fail(absl::StrCat("more than ", limits_.max_values, " values"));
      return nullptr;
    }
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.emplace_back(std::move(value));
    return &(parent[key_] = std::move(value));
  }

  bool Add(Json value) { return Place(std::move(value)) != nullptr; }

  bool Open(Json container) {
    if (static_cast<int>(open_.size()) >= limits_.max_depth) {
      return Fail(absl::StrCat("nested deeper than ", limits_.max_depth, " levels"));
    }
    // Stable until closed: a container's elements are only appended to while its last child is
    // closed.
    Json* const placed = Place(std::move(container));
    if (placed == nullptr) return false;
    open_.push_back(placed);
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits limits_;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  size_t values_ = 0;
  std::string problem_;
  size_t problem_offset_ = 0;
};

std::string PositionIn(std::string_view text, size_t offset) {
  const std::string_view before =
      text.substr(0, std::min(offset > 0 ? offset - 1 : 0, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 = 0: the first line
  return absl::StrCat("line ", line, ", column ", before.size() - line_start + 1);
}

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, const std::string& source,
                               JsonLimits limits) {
  Builder builder(limits);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.document());
  if (builder.problem_offset() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(source, " is not valid JSON at ",
                                                   PositionIn(text, builder.problem_offset()), ": ",
                                                   builder.problem()));
  }
  return absl::InvalidArgumentError(absl::StrCat(source, ": ", builder.problem()));
}

}  // namespace snapvit
