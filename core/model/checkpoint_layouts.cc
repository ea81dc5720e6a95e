#include "core/model/checkpoint_layouts.h"

namespace snapvit {
namespace {

using enum Slot;

constexpr TensorRow Layer(std::string_view name, Slot slot) {
  return {name, {slot}, 1, TensorRow::Parts::kLayer};
}
constexpr TensorRow Packed(std::string_view name, Slot first, Slot second) {
  return {name, {first, second}, 2, TensorRow::Parts::kLayer};
}
constexpr TensorRow Packed(std::string_view name, Slot first, Slot second, Slot third) {
  return {name, {first, second, third}, 3, TensorRow::Parts::kLayer};
}
constexpr TensorRow Weight(std::string_view name, Slot slot) {
  return {name, {slot}, 1, TensorRow::Parts::kWeight};
}
constexpr TensorRow Bias(std::string_view name, Slot slot) {
  return {name, {slot}, 1, TensorRow::Parts::kBias};
}

// ---- timm
// -----------------------------------------------------------------------------------------

// What VisionTransformer and Eva share.
constexpr TensorRow kTimmRows[] = {
    Layer("patch_embed.proj", kPatch),
    Weight("cls_token", kClassToken),
    Weight("reg_token", kRegisterTokens),
    Layer("blocks.*.norm1", kNorm1),
    Packed("blocks.*.attn.qkv", kQuery, kKey, kValue),
    Layer("blocks.*.attn.q_norm", kQueryNorm),
    Layer("blocks.*.attn.k_norm", kKeyNorm),
    Layer("blocks.*.attn.proj", kProj),
    Weight("blocks.*.gamma_1", kScale1),  // Eva, and DeiT-3 as it was published
    Layer("blocks.*.norm2", kNorm2),
    Layer("blocks.*.mlp.fc1", kFc1),
    Layer("blocks.*.mlp.fc2", kFc2),
    Weight("blocks.*.gamma_2", kScale2),
    Layer("norm", kNorm),
    Layer("fc_norm", kPooledNorm),
    Layer("head", kHead),
};

constexpr TensorRow kTimmVitRows[] = {
    Weight("dist_token", kDistillationToken), Weight("pos_embed", kPositions),
    Layer("norm_pre", kNormBefore),           Weight("blocks.*.ls1.gamma", kScale1),
    Weight("blocks.*.ls2.gamma", kScale2),    Weight("attn_pool.latent", kLatent),
    Layer("attn_pool.q", kPoolQuery),         Packed("attn_pool.kv", kPoolKey, kPoolValue),
    Layer("attn_pool.proj", kPoolProj),       Layer("attn_pool.norm", kPoolNorm),
    Layer("attn_pool.mlp.fc1", kPoolFc1),     Layer("attn_pool.mlp.fc2", kPoolFc2),
    Layer("head_dist", kDistillationHead),
};

constexpr std::string_view kTimmVitIgnored[] = {"mask_token"};

constexpr RefusedTensor kTimmVitRefused[] = {
    {".mlp.fc1_g.", "a gated MLP in two matrices (EVA02; of DINOv3 it is supported)"},
    {".mlp.fc1_x.", "a gated MLP in two matrices (EVA02; of DINOv3 it is supported)"},
    {".mlp.norm.", "a norm inside the MLP"},
    {".attn.norm.", "a norm inside the attention"},
    {".attn.q_bias", "separate query and value biases (EVA; of DINOv3 they are supported)"},
    {".attn.v_bias", "separate query and value biases (EVA; of DINOv3 they are supported)"},
    {".attn.q_proj.", "separate query, key and value projections (EVA)"},
    {"relative_position", "relative position biases (BEiT)"},
    {"rel_pos", "relative position biases"},
    {"patch_embed.backbone.", "a convolutional stem (hybrid ViT)"},
    {"patch_embed.norm.", "a norm after the patch embedding"},
    {".norm3.", "blocks of another kind"},
    {".attns.", "parallel blocks"},
    {".in_proj.", "parallel blocks"},
    {".lambda_q", "differential attention"},
};

// CLIP's patch embedding has none. A damaged file that lacks another one is noticed.
constexpr Slot kPatchAlone[] = {kPatch};

constexpr TensorRow kTimmDinov3Rows[] = {
    Bias("blocks.*.attn.q_bias", kQuery),  // the keys' is zero and not stored
    Bias("blocks.*.attn.v_bias", kValue), Layer("blocks.*.attn.q_proj", kQuery),
    Layer("blocks.*.attn.k_proj", kKey),  Layer("blocks.*.attn.v_proj", kValue),
    Layer("blocks.*.mlp.fc1_g", kGate),   Layer("blocks.*.mlp.fc1_x", kFc1),
};

constexpr std::string_view kTimmDinov3Ignored[] = {"mask_token", "rope.periods"};

constexpr RefusedTensor kTimmDinov3Refused[] = {
    {"pos_embed", "position embeddings beside rotary positions (EVA02)"},
    {"rope.freqs", "rotary positions of another kind than DINOv3's"},
    {".mlp.norm.", "a norm inside the MLP"},
    {".attn.norm.", "a norm inside the attention"},
    {".attn.gate.", "gated attention"},
};

// ---- Hugging Face transformers ------------------------------------------------------------------

constexpr std::string_view kHfVitPrefixes[] = {"vit.", "deit."};

constexpr TensorRow kHfVitRows[] = {
    Layer("embeddings.patch_embeddings.projection", kPatch),
    Weight("embeddings.cls_token", kClassToken),
    Weight("embeddings.distillation_token", kDistillationToken),
    Weight("embeddings.position_embeddings", kPositions),
    // Files.
    Layer("encoder.layer.*.layernorm_before", kNorm1),
    Layer("encoder.layer.*.attention.attention.query", kQuery),
    Layer("encoder.layer.*.attention.attention.key", kKey),
    Layer("encoder.layer.*.attention.attention.value", kValue),
    Layer("encoder.layer.*.attention.output.dense", kProj),
    Layer("encoder.layer.*.layernorm_after", kNorm2),
    Layer("encoder.layer.*.intermediate.dense", kFc1),
    Layer("encoder.layer.*.output.dense", kFc2),
    // In memory.
    Layer("layers.*.layernorm_before", kNorm1),
    Layer("layers.*.attention.q_proj", kQuery),
    Layer("layers.*.attention.k_proj", kKey),
    Layer("layers.*.attention.v_proj", kValue),
    Layer("layers.*.attention.o_proj", kProj),
    Layer("layers.*.layernorm_after", kNorm2),
    Layer("layers.*.mlp.fc1", kFc1),
    Layer("layers.*.mlp.fc2", kFc2),
    Layer("layernorm", kNorm),
    Layer("classifier", kHead),
    Layer("cls_classifier", kHead),
    Layer("distillation_classifier", kDistillationHead),
};

// The pooler is a tanh layer for pre-training; the decoder is that of masked autoencoding.
constexpr std::string_view kHfVitIgnored[] = {"embeddings.mask_token", "pooler.", "decoder."};

constexpr std::string_view kHfDinov2Prefixes[] = {"dinov2.", "dinov2_with_registers."};

constexpr TensorRow kHfDinov2Rows[] = {
    Layer("embeddings.patch_embeddings.projection", kPatch),
    Weight("embeddings.cls_token", kClassToken),
    Weight("embeddings.register_tokens", kRegisterTokens),
    Weight("embeddings.position_embeddings", kPositions),
    Layer("encoder.layer.*.norm1", kNorm1),
    Layer("encoder.layer.*.attention.attention.query", kQuery),
    Layer("encoder.layer.*.attention.attention.key", kKey),
    Layer("encoder.layer.*.attention.attention.value", kValue),
    Layer("encoder.layer.*.attention.output.dense", kProj),
    Layer("encoder.layer.*.attention.q_proj", kQuery),
    Layer("encoder.layer.*.attention.k_proj", kKey),
    Layer("encoder.layer.*.attention.v_proj", kValue),
    Layer("encoder.layer.*.attention.o_proj", kProj),
    Weight("encoder.layer.*.layer_scale1.lambda1", kScale1),
    Layer("encoder.layer.*.norm2", kNorm2),
    Layer("encoder.layer.*.mlp.fc1", kFc1),
    Layer("encoder.layer.*.mlp.fc2", kFc2),
    Packed("encoder.layer.*.mlp.weights_in", kGate, kFc1),
    Layer("encoder.layer.*.mlp.weights_out", kFc2),
    Layer("encoder.layer.*.mlp.gate_proj", kGate),
    Layer("encoder.layer.*.mlp.up_proj", kFc1),
    Layer("encoder.layer.*.mlp.down_proj", kFc2),
    Weight("encoder.layer.*.layer_scale2.lambda1", kScale2),
    Layer("layernorm", kNorm),
    Layer("classifier", kHead),
};

constexpr std::string_view kHfMaskToken[] = {"embeddings.mask_token"};

constexpr std::string_view kHfDinov3Prefixes[] = {"model."};

constexpr TensorRow kHfDinov3Rows[] = {
    Layer("embeddings.patch_embeddings", kPatch),
    Weight("embeddings.cls_token", kClassToken),
    Weight("embeddings.register_tokens", kRegisterTokens),
    Layer("layer.*.norm1", kNorm1),
    Layer("layer.*.attention.q_proj", kQuery),
    Layer("layer.*.attention.k_proj", kKey),
    Layer("layer.*.attention.v_proj", kValue),
    Layer("layer.*.attention.o_proj", kProj),
    Weight("layer.*.layer_scale1.lambda1", kScale1),
    Layer("layer.*.norm2", kNorm2),
    Layer("layer.*.mlp.gate_proj", kGate),
    Layer("layer.*.mlp.up_proj", kFc1),
    Layer("layer.*.mlp.down_proj", kFc2),
    Weight("layer.*.layer_scale2.lambda1", kScale2),
    Layer("norm", kNorm),
};

constexpr std::string_view kHfDinov3Ignored[] = {"embeddings.mask_token",
                                                 "rope_embeddings.inv_freq"};

// proj_bias and mlp_bias of its configuration.
constexpr Slot kHfDinov3OptionalBias[] = {kProj, kGate, kFc1, kFc2};

constexpr std::string_view kVisionModelPrefix[] = {"vision_model."};

// The encoder that SigLIP and CLIP share.
constexpr TensorRow kHfClipEncoderRows[] = {
    Layer("embeddings.patch_embedding", kPatch),
    Weight("embeddings.position_embedding.weight", kPositions),
    Layer("encoder.layers.*.layer_norm1", kNorm1),
    Layer("encoder.layers.*.self_attn.q_proj", kQuery),
    Layer("encoder.layers.*.self_attn.k_proj", kKey),
    Layer("encoder.layers.*.self_attn.v_proj", kValue),
    Layer("encoder.layers.*.self_attn.out_proj", kProj),
    Layer("encoder.layers.*.layer_norm2", kNorm2),
    Layer("encoder.layers.*.mlp.fc1", kFc1),
    Layer("encoder.layers.*.mlp.fc2", kFc2),
    Layer("post_layernorm", kNorm),
};

constexpr TensorRow kHfSiglipRows[] = {
    Weight("head.probe", kLatent),
    {"head.attention.in_proj_weight",
     {kPoolQuery, kPoolKey, kPoolValue},
     3,
     TensorRow::Parts::kWeight},
    {"head.attention.in_proj_bias", {kPoolQuery, kPoolKey, kPoolValue}, 3, TensorRow::Parts::kBias},
    Layer("head.attention.out_proj", kPoolProj),
    Layer("head.layernorm", kPoolNorm),
    Layer("head.mlp.fc1", kPoolFc1),
    Layer("head.mlp.fc2", kPoolFc2),
    Layer("classifier", kHead),
};

constexpr TensorRow kHfClipRows[] = {
    Weight("embeddings.class_embedding", kClassToken),
    Layer("pre_layrnorm", kNormBefore),  // so spelled
    Weight("visual_projection.weight", kProjection),
};

constexpr std::string_view kTextTower[] = {"embeddings.position_ids", "text_model.",
                                           "text_projection.", "logit_scale", "logit_bias"};

constexpr RefusedTensor kHfClipRefused[] = {
    {"classifier.", "a classifier on the mean of CLIP's patches before their norm"}};

}  // namespace

const CheckpointLayout kTimmVit = {
    .name = "timm VisionTransformer",
    .rows = kTimmVitRows,
    .shared_rows = kTimmRows,
    .ignored = kTimmVitIgnored,
    .refused = kTimmVitRefused,
    .optional_bias = kPatchAlone,
};
const CheckpointLayout kTimmDinov3 = {
    .name = "timm DINOv3",
    .rows = kTimmDinov3Rows,
    .shared_rows = kTimmRows,
    .ignored = kTimmDinov3Ignored,
    .refused = kTimmDinov3Refused,
};
const CheckpointLayout kHfVit = {
    .name = "transformers ViT or DeiT",
    .prefixes = kHfVitPrefixes,
    .rows = kHfVitRows,
    .ignored = kHfVitIgnored,
};
const CheckpointLayout kHfDinov2 = {
    .name = "transformers DINOv2",
    .prefixes = kHfDinov2Prefixes,
    .rows = kHfDinov2Rows,
    .ignored = kHfMaskToken,
};
const CheckpointLayout kHfDinov3 = {
    .name = "transformers DINOv3",
    .prefixes = kHfDinov3Prefixes,
    .rows = kHfDinov3Rows,
    .ignored = kHfDinov3Ignored,
    .optional_bias = kHfDinov3OptionalBias,
};
const CheckpointLayout kHfSiglip = {
    .name = "transformers SigLIP",
    .prefixes = kVisionModelPrefix,
    .rows = kHfSiglipRows,
    .shared_rows = kHfClipEncoderRows,
    .ignored = kTextTower,
};
const CheckpointLayout kHfClip = {
    .name = "transformers CLIP",
    .prefixes = kVisionModelPrefix,
    .rows = kHfClipRows,
    .shared_rows = kHfClipEncoderRows,
    .ignored = kTextTower,
    .refused = kHfClipRefused,
    .optional_bias = kPatchAlone,
};

}  // namespace snapvit
