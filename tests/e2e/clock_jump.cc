// A library to preload: its process sees a wall clock that jumps when the test writes seconds, as
// an int64_t, into the file CLOCK_JUMP_FILE. Timed waits on that clock jump with it, as the
// kernel's do; the monotonic clock is left alone.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// A jump is noticed by those who wait within this time.
constexpr int64_t kSlice = 5'000'000;

using Arguments = std::array<long, 6>;

// Not through libc, whose function is replaced below.
long System(long number, const Arguments& a) {
  register long r10 __asm__("r10") = a[3];
  register long r8 __asm__("r8") = a[4];
  register long r9 __asm__("r9") = a[5];
  long result = number;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

long Returned(long result) {
  if (result >= 0 || result < -4095) return result;
  errno = static_cast<int>(-result);
  return -1;
}

int64_t Jump() {
  static const std::atomic<int64_t>* const seconds = [] {
    const char* path = getenv("CLOCK_JUMP_FILE");
    const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void* address = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    static const std::atomic<int64_t> none = 0;
    return address == MAP_FAILED ? &none : static_cast<const std::atomic<int64_t>*>(address);
  }();
  return seconds->load() * kSecond;
}

int64_t Nanoseconds(const timespec& time) { return time.tv_sec * kSecond + time.tv_nsec; }
timespec Timespec(int64_t nanoseconds) { return {nanoseconds / kSecond, nanoseconds % kSecond}; }

int64_t RealNow() {
  timespec now = {};
  System(SYS_clock_gettime, {CLOCK_REALTIME, reinterpret_cast<long>(&now)});
  return Nanoseconds(now);
}

// FUTEX_WAIT_BITSET until a time of the wall clock.
long WaitUntil(const Arguments& arguments) {
  const int64_t deadline = Nanoseconds(*reinterpret_cast<const timespec*>(arguments[3]));
  while (true) {
    const int64_t now = RealNow();
    const int64_t left = deadline - (now + Jump());
    if (left <= 0) return -ETIMEDOUT;
    const timespec slice = Timespec(now + std::min(left, kSlice));
    Arguments sliced = arguments;
    sliced[3] = reinterpret_cast<long>(&slice);
    const long result = System(SYS_futex, sliced);
    if (result != -ETIMEDOUT) return result;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  const long result = System(SYS_clock_gettime, {clock, reinterpret_cast<long>(time)});
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    *time = Timespec(Nanoseconds(*time) + Jump());
  }
  return static_cast<int>(Returned(result));
}

int gettimeofday(timeval* __restrict time, void* __restrict /*zone*/) {
  const int64_t now = RealNow() + Jump();
  *time = {now / kSecond, now % kSecond / 1000};
  return 0;
}

time_t time(time_t* seconds) {
  const time_t now = (RealNow() + Jump()) / kSecond;
  if (seconds != nullptr) *seconds = now;
  return now;
}

long syscall(long number, ...) {
  Arguments arguments = {};
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const bool wall_clock_wait = number == SYS_futex && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0 &&
                               (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
                               arguments[3] != 0;
  return Returned(wall_clock_wait ? WaitUntil(arguments) : System(number, arguments));
}

}  // extern "C"
