// TraceContext: the place of a request in its caller's distributed trace (W3C Trace Context). The
// server writes the ids into its log lines and into replies. It exports no spans and starts no
// traces: a request without a valid traceparent has no context.
#ifndef SNAPVIT_SERVER_TRACE_CONTEXT_H_
#define SNAPVIT_SERVER_TRACE_CONTEXT_H_

#include <optional>
#include <span>
#include <string>

#include "server/log.h"

namespace snapvit {

// Of the request, and of the reply: both are headers of HTTP and metadata of gRPC.
inline constexpr char kTraceparent[] = "traceparent";
inline constexpr char kTraceresponse[] = "traceresponse";

struct TraceContext {
  std::string trace_id;   // 32 lower-case hexadecimal digits
  std::string parent_id;  // 16: the caller's span
  std::string span_id;    // 16: what the server does for this call

  // The value of kTraceresponse: version, trace, the server's span, no flags (nothing was
  // recorded).
  std::string Traceresponse() const;
};

// The context that the traceparent headers of a call name, with a span of the server's own.
// Nothing, as the specification says, if there is not exactly one, or if it is not valid: another
// form than version-trace-parent-flags in lower-case digits, ids of zeros, version ff, or version
// 00 with more behind it.
std::optional<TraceContext> ReadTraceContext(std::span<const std::string> traceparents);

// trace_id, span_id and parent_id, if there is a context.
void AddTraceFields(const std::optional<TraceContext>& trace, LogFields& fields);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TRACE_CONTEXT_H_
