// The table of Hugging Face model types: for each, how its files name tensors, and what its
// configuration class has for the fields that a config.json leaves out.
#ifndef SNAPVIT_CORE_MODEL_HF_FAMILIES_H_
#define SNAPVIT_CORE_MODEL_HF_FAMILIES_H_

#include <string>
#include <string_view>

#include "core/model/checkpoint_config.h"
#include "core/model/checkpoint_layout.h"

namespace snapvit {

struct HfFamily {
  std::string_view model_type;
  // Where a model of image and text has the configuration of its vision tower, and that one's
  // model_type; empty for a model of images alone.
  std::string_view nested;
  std::string_view nested_type;
  const CheckpointLayout* layout = nullptr;

  // Defaults of the configuration class.
  int hidden_size = 768;
  int num_attention_heads = 12;
  int intermediate_size = 3072;  // 0: hidden_size times mlp_ratio
  int image_size = 224;
  int patch_size = 16;
  int num_register_tokens = 0;
  std::string_view hidden_act = "gelu";
  double layer_norm_eps = 1e-6;
  bool key_bias = true;

  bool class_token = true;
  bool distillation_token = false;
  bool layer_scale = false;
  bool norm_before = false;
  Positions positions = Positions::kLearned;
  PositionResampling resampling = PositionResampling::kBicubic;
  // What a classifier sees, if there is one.
  ClassifierInput classifier_input = ClassifierInput::kPooled;
};

// Null for a model type that is not supported.
const HfFamily* FindHfFamily(std::string_view model_type);

// The model types of the table, for error messages.
std::string KnownHfModelTypes();

// Fields of a config.json that change nothing in what is computed, whatever their value: of
// training, of text generation (every old configuration class has them), of a family's other heads.
bool IsHarmlessHfField(std::string_view field);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_HF_FAMILIES_H_
