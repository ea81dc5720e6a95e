// The pickle of a score file, in an archive with the right checksums.
#include <zlib.h>

#include <string>
#include <string_view>

#include "core/snapvit/published_scores.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {
namespace {

void Put(std::string& bytes, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// A ZIP archive of stored entries.
class Archive {
 public:
  void Add(std::string_view name, std::string_view content) {
    const auto* data = reinterpret_cast<const Bytef*>(content.data());
    std::string common;      // to both headers of an entry
    common.append(8, '\0');  // flags, method, time and date
    Put(common, crc32(0, data, static_cast<uInt>(content.size())), 4);
    Put(common, content.size(), 4);
    Put(common, content.size(), 4);
    Put(common, name.size(), 2);
    Put(common, 0, 2);  // extra
    directory_.append("PK\1\2\0\0\0\0", 8).append(common);
    directory_.append(10, '\0');  // comment, disk, attributes
    Put(directory_, entries_.size(), 4);
    directory_.append(name);
    entries_.append("PK\3\4\0\0", 6).append(common).append(name).append(content);
    ++count_;
  }

  std::string Close() const {
    std::string end("PK\5\6\0\0\0\0", 8);
    Put(end, count_, 2);
    Put(end, count_, 2);
    Put(end, directory_.size(), 4);
    Put(end, entries_.size(), 4);
    Put(end, 0, 2);
    return entries_ + directory_ + end;
  }

 private:
  std::string entries_;
  std::string directory_;
  int count_ = 0;
};

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  snapvit::Archive archive;
  archive.Add("s/data.pkl", snapvit::AsText(data, size));
  archive.Add("s/byteorder", "little");
  // As tests/testdata/scores/synthetic.pt: three blocks of 40 channels and 5 heads.
  archive.Add("s/data/0", std::string(3 * 40 * sizeof(float), '\0'));
  archive.Add("s/data/1", std::string(3 * 5 * sizeof(float), '\0'));
  const auto ordering = snapvit::ParsePublishedScores(archive.Close());
  if (ordering.ok()) CHECK_THAT(snapvit::ValidateOrdering(*ordering).ok());
  return 0;
}
