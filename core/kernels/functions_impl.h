// Functions of a register of f32 values, and what all kernels share. Included as simd_avx512.h is,
// after it or simd_avx2.h.

namespace snapvit {
namespace {

// Rows of one tile.
constexpr int kTileRows = 6;
// Columns that the vectors of a tile cover.
constexpr int kTileColumns = kTileVectors * kLanes;

// What is done with elements of type T: of f32 here, of others in the file that includes this.
//   MulAdd(sum, value, weights)   sum + value·weights in every lane, of words
//   Store(out, mask, x)           of f32 as T
//   TwoRows(a, b, mask)           a register of words: of a alone, or of a and b (null: zeros)
//   Load(p, mask)                 as f32; zeros in the other lanes
//   ToFloat(x), kExpDegree        of Exp2, for weights that are stored as T
//   Gelu(x)                       x·Φ(x), to be stored as T
template <typename T>
struct Element;

template <>
struct Element<float> {
  static constexpr int kExpDegree = 6;
  static Floats MulAdd(Floats sum, Words value, Words weights) {
    return MultiplyAdd(AsFloats(value), AsFloats(weights), sum);
  }
  static void Store(float* out, const Mask& mask, Floats x) { snapvit::Store(out, mask, x); }
  static Floats Load(const float* p, const Mask& mask) { return snapvit::Load(mask, p); }
  static Words TwoRows(const float* a, const float* /*b*/, const Mask& mask) {
    return AsWords(snapvit::Load(mask, a));
  }
  static float ToFloat(float x) { return x; }
  static Floats Gelu(Floats x);
};

template <typename T>
int64_t WordsOf(int64_t values) {
  return (values + kValuesOfWord<T> - 1) / kValuesOfWord<T>;
}

inline int64_t DivideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

// use(std::integral_constant<int, i>()) for i from 0 to kCount − 1: a loop that is none any more
// before the compiler looks for what fits in registers.
template <int kCount, typename Use>
void ForEach(const Use& use) {
  if constexpr (kCount > 1) ForEach<kCount - 1>(use);
  use(std::integral_constant<int, kCount - 1>());
}

// use(std::integral_constant<int, n>()) with n = count, or kMost if that is less.
template <int kMost, typename Use>
void WithCount(int64_t count, const Use& use) {
  if constexpr (kMost > 1) {
    if (count < kMost) return WithCount<kMost - 1>(count, use);
  }
  use(std::integral_constant<int, kMost>());
}

// 2^x by the Taylor series of the part after the point, to the power `kDegree`: relative error
// below 3e-6 for 5, 2e-7 for 6. 0 and infinity beyond the range.
template <int kDegree>
Floats Exp2(Floats x) {
  constexpr float kTerms[] = {1.0F,          6.9314718e-1F, 2.4022651e-1F, 5.5504109e-2F,
                              9.6181291e-3F, 1.3333558e-3F, 1.5403530e-4F};
  const Floats n = Round(x);
  const Floats f = Subtract(x, n);
  Floats p = Set(kTerms[kDegree]);
  for (int i = kDegree - 1; i >= 0; --i) p = MultiplyAdd(p, f, Set(kTerms[i]));
  return TimesPowerOf2(p, n);
}

constexpr float kLog2E = 1.44269504F;

// 1/x, x > 0 and finite; relative error below 3e-7.
inline Floats Reciprocal(Floats x) {
  const Floats y = RoughReciprocal(x);
  return Multiply(y, SubtractProduct(x, y, Set(2)));
}

// erf(x) by Abramowitz & Stegun 7.1.26: absolute error below 3e-7.
inline Floats Erf(Floats x) {
  const Floats a = Magnitude(x);
  const Floats t = Reciprocal(MultiplyAdd(a, Set(0.3275911F), Set(1)));
  Floats p = Set(1.061405429F);
  p = MultiplyAdd(p, t, Set(-1.453152027F));
  p = MultiplyAdd(p, t, Set(1.421413741F));
  p = MultiplyAdd(p, t, Set(-0.284496736F));
  p = MultiplyAdd(p, t, Set(0.254829592F));
  const Floats e = Exp2<6>(Multiply(Multiply(a, a), Set(-kLog2E)));
  return WithSign(SubtractProduct(Multiply(p, t), e, Set(1)), SignOf(x));
}

// x·sigmoid(u)
inline Floats TimesSigmoid(Floats x, Floats u) {
  // Not beyond 2^126, whose reciprocal is still a normal number.
  const Floats power = Smaller(Multiply(u, Set(-kLog2E)), Set(126));
  return Multiply(x, Reciprocal(Add(Exp2<6>(power), Set(1))));
}

inline Floats Element<float>::Gelu(Floats x) {
  const Floats half = Multiply(x, Set(0.5F));
  return MultiplyAdd(half, Erf(Multiply(x, Set(0.70710678F))), half);
}

// x·Φ(x), Φ(x) = 1 ÷ (1 + e^−u), with a polynomial for u = ln(Φ(x) ÷ Φ(−x)) (the least largest
// error up to |x| = 5, 4e-4, found by Lawson's iteration): relative error of Φ below 5e-4, absolute
// error beyond 5 below 2e-6.
inline Floats RoughGelu(Floats x) {
  // Of x², times log2(e).
  constexpr float kTerms[] = {2.30062976F,     0.106873056F,   -8.47932885e-4F,
                              -3.93144924e-5F, 2.05290525e-6F, -2.90198022e-8F};
  // Below, x·Φ(x) is that of −5. (A NaN is the second operand's, and stays one.)
  const Floats y = Larger(Set(-5), x);
  const Floats c = Smaller(y, Set(5));
  const Floats square = Multiply(c, c);
  Floats p = Set(kTerms[5]);
  for (int i = 4; i >= 0; --i) p = MultiplyAdd(p, square, Set(kTerms[i]));
  const Floats power = Exp2<4>(Subtract(Zeros(), Multiply(c, p)));
  return Multiply(y, RoughReciprocal(Add(power, Set(1))));
}

template <typename T>
Floats Activate(GemmActivation activation, Floats x) {
  switch (activation) {
    case GemmActivation::kNone:
      return x;
    case GemmActivation::kGelu:
      return Element<T>::Gelu(x);
    case GemmActivation::kGeluTanh: {  // (1 + tanh(v))/2 = sigmoid(2·v)
      const Floats cube = Multiply(Multiply(x, x), x);
      const Floats v = MultiplyAdd(cube, Set(0.044715F), x);
      return TimesSigmoid(x, Multiply(v, Set(1.5957691216F)));
    }
    case GemmActivation::kQuickGelu:
      return TimesSigmoid(x, Multiply(x, Set(1.702F)));
    case GemmActivation::kSilu:
      return TimesSigmoid(x, x);
  }
  return x;
}

}  // namespace
}  // namespace snapvit
