// ReadyFile: a file that is there while requests are served, for what waits for that.
#ifndef SNAPVIT_SERVER_READY_FILE_H_
#define SNAPVIT_SERVER_READY_FILE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"

namespace snapvit {

// Thread-compatible. Errors name the file.
class ReadyFile {
 public:
  // Empty: there is none, and nothing is done.
  explicit ReadyFile(std::string path) : path_(std::move(path)) {}

  // Removes what an earlier server has left there that was killed.
  absl::Status Clear() const;
  absl::Status Write(std::string content);
  // Removes what Write() wrote, unless it is another server's by now, that takes over.
  absl::Status Withdraw();

 private:
  absl::Status Remove() const;

  const std::string path_;
  std::string written_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_READY_FILE_H_
