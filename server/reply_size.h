// How large a reply becomes, known before anything is computed for it.
#ifndef SNAPVIT_SERVER_REPLY_SIZE_H_
#define SNAPVIT_SERVER_REPLY_SIZE_H_

#include <cstddef>

#include "server/infer_method.h"
#include "server/inference_methods.h"
#include "server/served_model.h"

namespace snapvit {

// Bytes of the message that answers `images` images, without the request's id: at least what they
// take if all are served, and little more.
size_t MostReplyBytes(const EmbedMethod::Options& options, const ServedModel& model, int images);
size_t MostReplyBytes(const ClassifyMethod::Options& options, const ServedModel& model, int images);
size_t MostReplyBytes(const InferMethod::Options& options, const ServedModel& model, int images);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REPLY_SIZE_H_
