// RequestTerms: what a request of any method asks for, in the server's own terms.
#ifndef SNAPVIT_SERVER_REQUEST_TERMS_H_
#define SNAPVIT_SERVER_REQUEST_TERMS_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "core/elastic/budget.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

struct RequestTerms {
  Budget budget;                          // numbers are in their ranges
  std::optional<absl::Duration> timeout;  // from arrival, > 0
  // Of the request, or owned by the method's options. Their bytes go to the job.
  google::protobuf::RepeatedPtrField<v1::Image>* images = nullptr;
  std::string embedding_space_id;  // of the embeddings, or of the features behind the scores
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REQUEST_TERMS_H_
