// SHA-256, the hash behind model fingerprints, ordering ids and hashed keys.
#ifndef SNAPVIT_CORE_BASE_SHA256_H_
#define SNAPVIT_CORE_BASE_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace snapvit {

// Hashes what is added, in order. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // Adds raw bytes.
  void Add(const void* data, size_t size);
  // Adds the length of `text`, then its bytes, so that ("ab","c") and ("a","bc") differ.
  void AddField(std::string_view text);
  // 64 lower-case hexadecimal digits. Call once.
  std::string HexDigest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_SHA256_H_
