// A folder of a test's own, gone with the object.
#ifndef SNAPVIT_TESTS_TESTING_TEMPORARY_FOLDER_H_
#define SNAPVIT_TESTS_TESTING_TEMPORARY_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace snapvit {

class TemporaryFolder {
 public:
  TemporaryFolder() : path_(::testing::TempDir() + "/snapvit-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) ADD_FAILURE() << "cannot create a folder " << path_;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

  // Writes a file, with the folders on its way, and returns its path.
  std::string Write(const std::string& name, std::string_view content) const {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(content.data(), static_cast<long>(content.size()));
    return file.string();
  }

 private:
  std::string path_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_TEMPORARY_FOLDER_H_
