// Tells ThreadSanitizer what absl::Mutex and absl::Notification order. Debian's Abseil is not
// instrumented, so without this every access that a mutex guards looks like a race. Linked into all
// programs of the tsan build: these definitions come before the library's, which they call.
//
// While a mutex is given up, the library evaluates the conditions of waiting threads on the thread
// that gives it up, after we had to say that it does. Those reads are ignored.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);

namespace {

class GiveUp {
 public:
  explicit GiveUp(void* mutex) {
    __tsan_release(mutex);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~GiveUp() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

template <typename Function>
Function Real(const char* name) {
  void* const function = dlsym(RTLD_NEXT, name);
  if (function == nullptr) std::abort();  // another Abseil: its names differ
  return reinterpret_cast<Function>(function);
}

}  // namespace

#define SNAPVIT_MUTEX(name) "_ZN4absl7debian35Mutex" name
#define SNAPVIT_CONDVAR(name) "_ZN4absl7debian37CondVar" name

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto real = Real<void (*)(Mutex*)>(SNAPVIT_MUTEX("4LockEv"));
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  static const auto real = Real<void (*)(Mutex*)>(SNAPVIT_MUTEX("6UnlockEv"));
  const GiveUp give_up(this);
  real(this);
}

bool Mutex::TryLock() {
  static const auto real = Real<bool (*)(Mutex*)>(SNAPVIT_MUTEX("7TryLockEv"));
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::ReaderLock() {
  static const auto real = Real<void (*)(Mutex*)>(SNAPVIT_MUTEX("10ReaderLockEv"));
  real(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  static const auto real = Real<void (*)(Mutex*)>(SNAPVIT_MUTEX("12ReaderUnlockEv"));
  const GiveUp give_up(this);
  real(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto real =
      Real<void (*)(Mutex*, const Condition&)>(SNAPVIT_MUTEX("5AwaitERKNS0_9ConditionE"));
  {
    const GiveUp give_up(this);
    real(this, condition);
  }
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto real = Real<bool (*)(Mutex*, const Condition&, Duration)>(
      SNAPVIT_MUTEX("16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE"));
  bool met = false;
  {
    const GiveUp give_up(this);
    met = real(this, condition, timeout);
  }
  __tsan_acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void (*)(CondVar*, Mutex*)>(SNAPVIT_CONDVAR("4WaitEPNS0_5MutexE"));
  {
    const GiveUp give_up(mutex);
    real(this, mutex);
  }
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Duration)>(
      SNAPVIT_CONDVAR("15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE"));
  bool timed_out = false;
  {
    const GiveUp give_up(mutex);
    timed_out = real(this, mutex, timeout);
  }
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real = Real<bool (*)(CondVar*, Mutex*, Time)>(
      SNAPVIT_CONDVAR("16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE"));
  bool timed_out = false;
  {
    const GiveUp give_up(mutex);
    timed_out = real(this, mutex, deadline);
  }
  __tsan_acquire(mutex);
  return timed_out;
}

void Notification::Notify() {
  static const auto real = Real<void (*)(Notification*)>("_ZN4absl7debian312Notification6NotifyEv");
  __tsan_release(this);
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      Real<void (*)(const Notification*)>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  real(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto real = Real<bool (*)(const Notification*, Duration)>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE");
  const bool notified = real(this, timeout);
  __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
