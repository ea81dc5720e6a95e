// What the Models service says about a model.
#ifndef SNAPVIT_SERVER_MODEL_INFO_H_
#define SNAPVIT_SERVER_MODEL_INFO_H_

#include "server/serving_state.h"
#include "snapvit/v1/models.pb.h"

namespace snapvit {

// Name and state alone while the model loads. `full`: with ladder and labels.
v1::ModelInfo DescribeModel(const std::string& name, const ServingState::Snapshot& now, bool full);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_MODEL_INFO_H_
