// What the Open Inference Protocol says about a model.
#ifndef SNAPVIT_SERVER_INFER_METADATA_H_
#define SNAPVIT_SERVER_INFER_METADATA_H_

#include "inference/grpc_service.pb.h"
#include "server/served_model.h"

namespace snapvit {

void DescribeInferModel(const ServedModel& model, inference::ModelMetadataResponse* metadata);

void ConfigureInferModel(const ServedModel& model, inference::ModelConfig* config);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFER_METADATA_H_
