#include "core/load/rate_profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr double kForEver = std::numeric_limits<double>::infinity();

double Slope(const RateProfile::Piece& piece) {
  return std::isinf(piece.seconds) ? 0 : (piece.end_rate - piece.begin_rate) / piece.seconds;
}

// Expected arrivals in the first `seconds` of the piece.
double Expected(const RateProfile::Piece& piece, double seconds) {
  if (piece.begin_rate == 0 && piece.end_rate == 0) return 0;  // of an endless pause too
  if (std::isinf(seconds)) return kForEver;
  return seconds * (piece.begin_rate + Slope(piece) * seconds / 2);
}

bool IsRate(double rate) { return rate >= 0 && std::isfinite(rate); }

absl::Status CheckPiece(const RateProfile::Piece& piece, size_t number, bool last) {
  for (const double rate : {piece.begin_rate, piece.end_rate}) {
    if (IsRate(rate)) continue;
    return absl::InvalidArgumentError(absl::StrCat("piece ", number, " of the rate is ", rate,
                                                   " per second, expected a number from 0 on"));
  }
  const bool endless = std::isinf(piece.seconds) && piece.seconds > 0;
  if (!(piece.seconds > 0) || (endless && (!last || piece.begin_rate != piece.end_rate))) {
    return absl::InvalidArgumentError(
        absl::StrCat("piece ", number, " of the rate takes ", piece.seconds,
                     " s, expected more than 0, and an end unless it is the last and no ramp"));
  }
  return absl::OkStatus();
}

std::optional<double> ParseSecondsText(absl::string_view text) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds)) return seconds;
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration)) return absl::ToDoubleSeconds(duration);
  return std::nullopt;
}

// "A", "A..B", either with ":LENGTH".
std::optional<RateProfile::Piece> ParsePiece(absl::string_view text) {
  RateProfile::Piece piece;
  piece.seconds = kForEver;
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  if (parts.first.size() < text.size()) {
    const std::optional<double> seconds = ParseSecondsText(parts.second);
    if (!seconds.has_value()) return std::nullopt;
    piece.seconds = *seconds;
  }
  const std::pair<absl::string_view, absl::string_view> rates =
      absl::StrSplit(parts.first, absl::MaxSplits("..", 1));
  if (!absl::SimpleAtod(rates.first, &piece.begin_rate)) return std::nullopt;
  piece.end_rate = piece.begin_rate;
  const bool ramp = rates.first.size() < parts.first.size();
  if (ramp && !absl::SimpleAtod(rates.second, &piece.end_rate)) return std::nullopt;
  return piece;
}

}  // namespace

RateProfile::RateProfile(std::vector<Piece> pieces)
    : pieces_(std::move(pieces)), starts_{0}, expected_{0} {
  for (const Piece& piece : pieces_) {
    starts_.push_back(starts_.back() + piece.seconds);
    expected_.push_back(expected_.back() + Expected(piece, piece.seconds));
  }
}

absl::StatusOr<RateProfile> RateProfile::Create(std::vector<Piece> pieces) {
  if (pieces.empty()) return absl::InvalidArgumentError("a rate has no pieces, expected one");
  for (size_t i = 0; i < pieces.size(); ++i) {
    RETURN_IF_ERROR(CheckPiece(pieces[i], i + 1, i + 1 == pieces.size()));
  }
  return RateProfile(std::move(pieces));
}

RateProfile RateProfile::Constant(double rate) {
  return RateProfile({Piece{kForEver, rate, rate}});
}

absl::StatusOr<RateProfile> RateProfile::Parse(const std::string& text) {
  std::vector<Piece> pieces;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::optional<Piece> piece = ParsePiece(absl::StripAsciiWhitespace(part));
    if (!piece.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text,
                       "' is no rate, expected arrivals per second such as 500, or "
                       "pieces such as 100:5s,100..900:30s,900"));
    }
    pieces.push_back(*piece);
  }
  absl::StatusOr<RateProfile> profile = Create(std::move(pieces));
  if (profile.ok()) return profile;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no rate: ", profile.status().message()));
}

double RateProfile::RateAt(double seconds) const {
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), seconds);
  if (next == starts_.begin() || next == starts_.end()) return 0;
  const size_t index = next - starts_.begin() - 1;
  return pieces_[index].begin_rate + Slope(pieces_[index]) * (seconds - starts_[index]);
}

double RateProfile::ExpectedBefore(double seconds) const {
  if (seconds <= 0) return 0;
  if (seconds >= starts_.back()) return expected_.back();
  const size_t index =
      std::upper_bound(starts_.begin(), starts_.end(), seconds) - starts_.begin() - 1;
  return expected_[index] + Expected(pieces_[index], seconds - starts_[index]);
}

std::optional<double> RateProfile::TimeOf(double expected) const {
  // The piece whose end is beyond: pauses, which expect nothing, are passed over.
  const auto end = std::upper_bound(expected_.begin(), expected_.end(), expected);
  if (end == expected_.end()) return std::nullopt;
  const size_t index = end - expected_.begin() - 1;
  const Piece& piece = pieces_[index];
  const double more = expected - expected_[index];
  // b·x + s·x²/2 = more, in the form that neither cancels nor divides by a slope of zero.
  const double root = piece.begin_rate * piece.begin_rate + 2 * Slope(piece) * more;
  const double divisor = piece.begin_rate + std::sqrt(std::max(root, 0.0));
  return starts_[index] + (more == 0 ? 0 : 2 * more / divisor);
}

}  // namespace snapvit
