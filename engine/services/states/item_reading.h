// Reading the items of a distributed Map from S3, so that the kernel's thread is never held up:
// small objects are read by the command, others by the performer of the effect "items.read", on
// another thread; each command takes in a piece.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "services/base/bulk.h"

namespace kiban::services::states {

constexpr std::string_view items_effect = "items.read";

// A piece has fewer bytes, printed, and items, unless one item alone has more.
constexpr std::size_t piece_bytes_max = 256UL * 1024;
constexpr std::size_t piece_items_max = 1'000;

// What an object holds, cut into pieces: of items, or of the objects that a manifest names.
class ItemPieces {
 public:
  // `asked` is the effect's payload: {"Body" (of GetObject's reply), "Config" (a ReaderConfig),
  // "Manifest" ("", "S3_INVENTORY", "ATHENA_DATA"), "Pairs" (whether an object's entries are cut
  // into {Key, Value})}. Any thread. Error States.ItemReaderFailed.
  static Result<ItemPieces> read(const BlobReader& blobs, const json::object& asked);
  // The outcomes, one after the other: {"Offset": items before it, "Items" (an array, or an object
  // whose entries are items), "Last": bool}; of a manifest one {"Files": [{Bucket, Key}], "Config"
  // (how they are read)}. nullopt behind the last.
  std::optional<json::object> next();

 private:
  json::value items_{};
  std::optional<json::object> files_{};
  std::size_t at_{0};
  bool over_{false};
};

// {"Error", "Cause"}: the one outcome when ItemPieces::read fails.
json::object reading_failed(const Error& error);

}  // namespace kiban::services::states
