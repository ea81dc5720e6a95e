// JSON of any kind. What is accepted nests no deeper than it may, and reads the same once it is
// written.
#include "core/model/json_document.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto document = snapvit::ParseJson(snapvit::AsText(data, size), "file");
  if (!document.ok()) {
    CHECK_THAT(document.status().message().size() < 1000);  // of a hostile file, not most of it
    return 0;
  }
  const auto again = snapvit::ParseJson(document->dump(), "again");
  CHECK_THAT(again.ok() && *again == *document);
  return 0;
}
