// AlignedVector: memory that starts on a cache line, uninitialised.
#ifndef SNAPVIT_CORE_KERNELS_ALIGNED_H_
#define SNAPVIT_CORE_KERNELS_ALIGNED_H_

#include <cstddef>
#include <memory>
#include <type_traits>

namespace snapvit {

// Memory that starts on a cache line. Of a megabyte and more straight from the system, to which it
// goes back as a whole, and in huge pages where the system has some: matrices are read from end to
// end. Throws std::bad_alloc.
void* AllocateAligned(size_t bytes);
// `bytes` as they were allocated.
void FreeAligned(void* memory, size_t bytes);

// Of trivial types only. Throws std::bad_alloc like std::vector.
template <typename T>
class AlignedVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedVector() = default;
  explicit AlignedVector(size_t size) { Reserve(size); }

  // Makes room for `size` elements; what was there is lost if it has to grow.
  void Reserve(size_t size) {
    if (size <= this->size()) return;
    data_.reset();
    data_ = {static_cast<T*>(AllocateAligned(size * sizeof(T))), Free{size * sizeof(T)}};
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return bytes() / sizeof(T); }
  size_t bytes() const { return data_ == nullptr ? 0 : data_.get_deleter().bytes; }

 private:
  struct Free {
    size_t bytes = 0;
    void operator()(T* pointer) const { FreeAligned(pointer, bytes); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_ALIGNED_H_
