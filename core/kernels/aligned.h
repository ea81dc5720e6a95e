// AlignedVector: memory that starts on a cache line, uninitialised.
#ifndef SNAPVIT_CORE_KERNELS_ALIGNED_H_
#define SNAPVIT_CORE_KERNELS_ALIGNED_H_

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace snapvit {

// Of trivial types only. Throws std::bad_alloc like std::vector.
template <typename T>
class AlignedVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedVector() = default;
  explicit AlignedVector(size_t size) { Reserve(size); }

  // Makes room for `size` elements; what was there is lost if it has to grow.
  void Reserve(size_t size) {
    if (size <= size_) return;
    data_.reset();
    data_.reset(static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t(64))));
    size_ = size;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(T); }

 private:
  struct Free {
    void operator()(T* pointer) const { ::operator delete(pointer, std::align_val_t(64)); }
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_ALIGNED_H_
