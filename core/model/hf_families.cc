#include "core/model/hf_families.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint_layouts.h"

namespace snapvit {
namespace {

// transformers 5.23.
const HfFamily kFamilies[] = {
    {.model_type = "vit", .layout = &kHfVit, .layer_norm_eps = 1e-12},
    {.model_type = "vit_mae", .layout = &kHfVit, .layer_norm_eps = 1e-12},
    {.model_type = "deit",
     .layout = &kHfVit,
     .layer_norm_eps = 1e-12,
     .distillation_token = true,
     .classifier_input = ClassifierInput::kClassToken},
    {.model_type = "dinov2",
     .layout = &kHfDinov2,
     .intermediate_size = 0,
     .patch_size = 14,
     .layer_scale = true,
     .classifier_input = ClassifierInput::kClassAndMean},
    {.model_type = "dinov2_with_registers",
     .layout = &kHfDinov2,
     .intermediate_size = 0,
     .num_register_tokens = 4,
     .layer_scale = true,
     .resampling = PositionResampling::kBicubicAntialias,
     .classifier_input = ClassifierInput::kClassAndMean},
    {.model_type = "dinov3_vit",
     .layout = &kHfDinov3,
     .hidden_size = 384,
     .num_attention_heads = 6,
     .intermediate_size = 1536,
     .layer_norm_eps = 1e-5,
     .key_bias = false,
     .layer_scale = true,
     .positions = Positions::kRotary},
    {.model_type = "siglip",
     .nested = "vision_config",
     .nested_type = "siglip_vision_model",
     .layout = &kHfSiglip,
     .hidden_act = "gelu_pytorch_tanh",
     .class_token = false,
     .classifier_input = ClassifierInput::kMean},
    {.model_type = "siglip_vision_model",
     .layout = &kHfSiglip,
     .hidden_act = "gelu_pytorch_tanh",
     .class_token = false,
     .classifier_input = ClassifierInput::kMean},
    {.model_type = "clip",
     .nested = "vision_config",
     .nested_type = "clip_vision_model",
     .layout = &kHfClip,
     .patch_size = 32,
     .hidden_act = "quick_gelu",
     .layer_norm_eps = 1e-5,
     .norm_before = true},
    {.model_type = "clip_vision_model",
     .layout = &kHfClip,
     .patch_size = 32,
     .hidden_act = "quick_gelu",
     .layer_norm_eps = 1e-5,
     .norm_before = true},
};

constexpr std::string_view kHarmless[] = {
    // About the file.
    "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path",
    "architectures", "attn_implementation", "auto_map", "dtype", "model_type", "name_or_path",
    "torch_dtype", "transformers_version", "tokenizer_class", "processor_class",
    "task_specific_params", "finetuning_task", "problem_type", "custom_pipelines",
    // Of training.
    "attention_dropout", "attention_probs_dropout_prob", "dropout", "drop_path_rate",
    "gradient_checkpointing", "hidden_dropout_prob", "initializer_factor", "initializer_range",
    "layerscale_value", "logit_scale_init_value", "pos_embed_jitter", "pos_embed_rescale",
    "pos_embed_shift", "use_mask_token",
    // Read where they belong, and checked against the tensors.
    "id2label", "label2id", "num_labels", "projection_dim",
    // Of masked autoencoding and its decoder, of poolers and of backbones for detection.
    "_out_features", "_out_indices", "apply_layernorm", "decoder_hidden_size",
    "decoder_intermediate_size", "decoder_num_attention_heads", "decoder_num_hidden_layers",
    "encoder_stride", "mask_ratio", "norm_pix_loss", "out_features", "out_indices", "pooler_act",
    "pooler_output_size", "reshape_hidden_states", "return_class_token", "stage_names",
    // Of the text tower.
    "text_config", "text_config_dict", "projection_size", "vocab_size",
    // Of every configuration before 5.0: outputs and text generation.
    "add_cross_attention", "bad_words_ids", "begin_suppress_tokens", "bos_token_id",
    "chunk_size_feed_forward", "cross_attention_hidden_size", "decoder_start_token_id",
    "diversity_penalty", "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
    "eos_token_id", "exponential_decay_length_penalty", "forced_bos_token_id",
    "forced_eos_token_id", "is_composition", "is_decoder", "is_encoder_decoder", "length_penalty",
    "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores",
    "pad_token_id", "prefix", "remove_invalid_values", "repetition_penalty", "return_dict",
    "return_dict_in_generate", "sep_token_id", "suppress_tokens", "temperature", "tf_legacy_loss",
    "tie_encoder_decoder", "tie_word_embeddings", "top_k", "top_p", "torchscript", "typical_p",
    "use_bfloat16", "use_cache"};

}  // namespace

const HfFamily* FindHfFamily(std::string_view model_type) {
  const auto* family =
      std::find_if(std::begin(kFamilies), std::end(kFamilies),
                   [&](const HfFamily& row) { return row.model_type == model_type; });
  return family == std::end(kFamilies) ? nullptr : family;
}

std::string KnownHfModelTypes() {
  std::string names;
  for (const HfFamily& row : kFamilies) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(row.model_type));
  }
  return names;
}

bool IsHarmlessHfField(std::string_view field) {
  return std::find(std::begin(kHarmless), std::end(kHarmless), field) != std::end(kHarmless);
}

}  // namespace snapvit
