// SafetensorsFile: a checkpoint file mapped into memory, checked as a whole before anything of it
// is used.
#ifndef SNAPVIT_CORE_MODEL_SAFETENSORS_H_
#define SNAPVIT_CORE_MODEL_SAFETENSORS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/safetensors_header.h"

namespace snapvit {

// Read-only and immutable: safe to use from any thread. The mapping is shared with other processes
// and lives as long as the object; whoever keeps a TensorView keeps the file. The pages are clean:
// the kernel may drop them at any time, and they are gone with the last owner.
//
// The file must not be changed in place meanwhile (replace it by rename, as WriteSafetensors does):
// shrinking a mapped file is a SIGBUS in every reader, as with any mapping.
class SafetensorsFile {
 public:
  // NOT_FOUND if there is no such file; INVALID_ARGUMENT for anything that ParseSafetensors
  // refuses.
  static absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Open(const std::string& path);

  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const std::string& path() const { return path_; }
  const SafetensorsIndex& index() const { return index_; }
  const std::map<std::string, std::string>& metadata() const { return index_.metadata; }
  // All of the file's bytes.
  std::span<const std::byte> bytes() const { return bytes_; }

  bool Contains(const std::string& name) const { return index_.tensors.contains(name); }
  // Sorted.
  std::vector<std::string> Names() const;
  // NOT_FOUND names the file and the tensor. The bytes are valid while this object lives; they are
  // aligned to the dtype only if the writer cared (WriteSafetensors does; the format does not ask
  // for it).
  absl::StatusOr<TensorView> Tensor(const std::string& name) const;

  // The kernel's advice that everything will be read soon, front to back.
  void WillReadAll() const;

  // Takes the mapped pages out of this process's memory; what is read again is mapped again. For
  // readers that copy a large file part by part.
  void DropPages() const;

 private:
  SafetensorsFile(std::string path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  const std::string path_;
  const std::span<const std::byte> bytes_;  // the mapping, owned
  SafetensorsIndex index_;                  // constant after Open
};

// Writes the file in one step (readers see the old one or the new one); see SerializeSafetensors
// for the layout and errors. Holds all bytes in memory once more while it writes.
absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_SAFETENSORS_H_
