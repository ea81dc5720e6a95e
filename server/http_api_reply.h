// Replies of snapvit.v1 as the JSON of the HTTP API.
#ifndef SNAPVIT_SERVER_HTTP_API_REPLY_H_
#define SNAPVIT_SERVER_HTTP_API_REPLY_H_

#include <string>

#include "server/http_server.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

// Of the model that has answered.
struct ReplyModel {
  std::string name;
  int tokens = 0;  // of one image
};

// OpenAI's shape, {"object": "list", "data": [{"object": "embedding", "index", "embedding",
// "receipt"}], "model", "usage"}, and the receipt of the image with the smallest served_compute as
// headers, Snapvit-Served-Compute and so on. REQUIRES: every image was served, as FP32.
HttpResponse EmbeddingsReply(const v1::EmbedResponse& response, const ReplyModel& model,
                             bool base64);

// The same with {"object": "classification", "index", "labels": [{"index", "label", "score"}],
// "receipt"}. REQUIRES: every image was served.
HttpResponse ClassifyReply(const v1::ClassifyResponse& response, const ReplyModel& model);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_API_REPLY_H_
