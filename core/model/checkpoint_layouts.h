// The layouts of checkpoints that are read: one for each naming scheme.
#ifndef SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUTS_H_
#define SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUTS_H_

#include "core/model/checkpoint_layout.h"

namespace snapvit {

// timm's VisionTransformer (ViT, DeiT, DeiT-3, DINO, DINOv2, SigLIP, CLIP, …), distilled or not.
extern const CheckpointLayout kTimmVit;
// timm's Eva as DINOv3 uses it.
extern const CheckpointLayout kTimmDinov3;
// Hugging Face transformers, under the names of its files and those that it has in memory
// since 5.0.
extern const CheckpointLayout kHfVit;     // vit, deit, vit_mae
extern const CheckpointLayout kHfDinov2;  // dinov2, dinov2_with_registers
extern const CheckpointLayout kHfDinov3;
extern const CheckpointLayout kHfSiglip;  // fixed resolution: also SigLIP 2
extern const CheckpointLayout kHfClip;

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_CHECKPOINT_LAYOUTS_H_
