// The state of an execution as rows keep it, whole or in parts. Internal to asl: save.cc writes it,
// restore.cc reads it.
//
// A payload is a JSON text, or `true` for the execution's own input, or {"part": NAME}. A list of
// payloads is an array, or {"list": NAME, "size": n}: its elements are in the parts NAME/0, NAME/1,
// ... of list_chunk elements each. A track is an object, or {"part": NAME}. Parts may refer to
// parts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "asl/machine.h"

namespace kiban::asl {

// Smaller payloads stay where they are used: a row of their own would cost more.
constexpr std::size_t payload_inline_max = 512;
// Shorter lists too.
constexpr std::size_t list_inline_max = 64;
// Tracks are parts when there are more.
constexpr std::size_t tracks_inline_max = 4;

// Elements of one part of a list: of a long list more, so that not too many parts are compared.
constexpr std::size_t list_chunk(std::size_t size) { return size > 65'536 ? 1'024 : 64; }

inline std::string list_part(std::string_view name, std::size_t chunk) {
  return std::string(name) + "/" + std::to_string(chunk);
}

struct SavedParts::State {
  struct Part {
    std::string text{};  // Of a track; of other parts `payloads` are compared.
    std::vector<std::optional<Payload>> payloads{};
    std::vector<std::string> refers{};  // Parts that this one refers to.
    std::uint64_t sum{0};
    std::uint64_t save{0};  // The latest that needed it.
  };
  std::map<std::string, Part, std::less<>> parts{};
  std::uint64_t saves{0};
};

// Of a part: those of all parts, combined, are in the main text, which thus differs when any does.
std::uint64_t part_sum(std::string_view name, std::string_view text);

}  // namespace kiban::asl
