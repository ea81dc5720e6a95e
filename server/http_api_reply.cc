#include "server/http_api_reply.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/printable_text.h"
#include "server/receipt_fields.h"

namespace snapvit {
namespace {

using Json = nlohmann::ordered_json;
using Floats = google::protobuf::RepeatedField<float>;

static_assert(std::endian::native == std::endian::little,
              "base64 vectors are little-endian, as OpenAI's");

constexpr size_t kMostHeaderBytes = 256;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// The shortest text that reads back as the same float.
void AppendFloat(float value, std::string& text) {
  if (!std::isfinite(value)) {
    text += "null";
    return;
  }
  std::array<char, 32> digits{};
  text.append(digits.data(),
              std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

std::string Numbers(const Floats& values) {
  std::string text = "[";
  for (const float value : values) {
    if (text.size() > 1) text += ',';
    AppendFloat(value, text);
  }
  return text + "]";
}

std::string Base64(const Floats& values) {
  const absl::string_view bytes(reinterpret_cast<const char*>(values.data()),
                                values.size() * sizeof(float));
  return absl::StrCat("\"", absl::Base64Escape(bytes), "\"");
}

std::string LabelsJson(const v1::Labels& labels) {
  std::string text = "[";
  for (const v1::Label& label : labels.labels()) {
    if (text.size() > 1) text += ',';
    absl::StrAppend(&text, "{\"index\":", label.index(), ",\"label\":", Dump(label.label()),
                    ",\"score\":");
    AppendFloat(label.score(), text);
    text += '}';
  }
  return text + "]";
}

std::string ReceiptJson(const v1::Receipt& receipt) {
  Json json;
  for (const ReceiptField& field : ReceiptFields(receipt)) {
    std::visit([&](const auto& value) { json[field.name] = value; }, field.value);
  }
  return Dump(json);
}

// "served_compute" → "Snapvit-Served-Compute".
std::string HeaderName(const char* field) {
  std::string name = "Snapvit";
  for (const absl::string_view word : absl::StrSplit(field, '_')) {
    absl::StrAppend(&name, "-", absl::AsciiStrToUpper(word.substr(0, 1)), word.substr(1));
  }
  return name;
}

struct HeaderValue {
  std::string operator()(double value) const { return absl::StrCat(value); }
  std::string operator()(int64_t value) const { return absl::StrCat(value); }
  std::string operator()(const std::string& value) const {
    return PrintableText(value, kMostHeaderBytes);
  }
};

// `item_json`: the fields of an item between its index and its receipt.
template <typename Response, typename ItemJson>
HttpResponse Reply(const Response& response, const ReplyModel& model, const char* object,
                   ItemJson item_json) {
  HttpResponse reply;
  reply.body = "{\"object\":\"list\",\"data\":[";
  const v1::Receipt* least = nullptr;
  for (int i = 0; i < response.items_size(); ++i) {
    const auto& item = response.items(i);
    absl::StrAppend(&reply.body, i > 0 ? "," : "", "{\"object\":\"", object, "\",\"index\":", i,
                    ",", item_json(item), ",\"receipt\":", ReceiptJson(item.receipt()), "}");
    if (least == nullptr || item.receipt().served_compute() < least->served_compute()) {
      least = &item.receipt();
    }
  }
  const int tokens = response.items_size() * model.tokens;
  const Json usage = {{"prompt_tokens", tokens}, {"total_tokens", tokens}};
  absl::StrAppend(&reply.body, "],\"model\":", Dump(model.name), ",\"usage\":", Dump(usage), "}\n");
  for (const ReceiptField& field : ReceiptFields(*least)) {
    reply.headers.emplace_back(HeaderName(field.name), std::visit(HeaderValue{}, field.value));
  }
  return reply;
}

}  // namespace

HttpResponse EmbeddingsReply(const v1::EmbedResponse& response, const ReplyModel& model,
                             bool base64) {
  return Reply(response, model, "embedding", [base64](const v1::EmbedItem& item) {
    const Floats& values = item.embedding().values();
    return absl::StrCat("\"embedding\":", base64 ? Base64(values) : Numbers(values));
  });
}

HttpResponse ClassifyReply(const v1::ClassifyResponse& response, const ReplyModel& model) {
  return Reply(response, model, "classification", [](const v1::ClassifyItem& item) {
    return absl::StrCat("\"labels\":", LabelsJson(item.labels()));
  });
}

}  // namespace snapvit
