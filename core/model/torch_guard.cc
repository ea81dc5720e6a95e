#include "core/model/torch_guard.h"

#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

// ATen's CPU allocator reports a failed allocation as a plain c10::Error; only its text tells.
bool SaysOutOfMemory(std::string_view message) {
  return message.find("can't allocate memory") != std::string_view::npos ||
         message.find("not enough memory") != std::string_view::npos;
}

// The first lines hold the message; what follows "Exception raised from" is where in ATen.
std::string WithoutOrigin(std::string message) {
  const size_t origin = message.find("\nException raised from");
  if (origin != std::string::npos) message.resize(origin);
  return message;
}

}  // namespace

absl::Status StatusOfCurrentException() {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(WithoutOrigin(error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string message = WithoutOrigin(error.what_without_backtrace());
    return SaysOutOfMemory(message) ? absl::ResourceExhaustedError(message)
                                    : absl::InternalError(message);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception of unknown type");
  }
}

}  // namespace snapvit
