#include "services/base/bulk.h"

#include <algorithm>

#include "services/base/table_service.h"

namespace kiban::services {

Result<std::string> read_bulk(const Context& context, const json::object& body) {
  return read_bulk([&](std::string_view digest) { return context.read_blob(digest); }, body);
}

Result<std::string> read_bulk(const BlobReader& blobs, const json::object& body) {
  if (const json::array* pieces = find_array(body, "Pieces")) {
    std::string all;
    for (const json::value& piece : *pieces) {
      KIBAN_TRY(const std::string bytes, read_bulk(blobs, piece.as_object()));
      all += bytes;
    }
    return all;
  }
  KIBAN_TRY(std::string bytes, blobs(text(body, "Digest")));
  const auto from = static_cast<std::size_t>(std::max<std::int64_t>(0, number(body, "Offset", 0)));
  const std::int64_t size = number(body, "Size", static_cast<std::int64_t>(bytes.size()));
  if (from == 0 && size == static_cast<std::int64_t>(bytes.size())) return bytes;
  return bytes.substr(std::min(from, bytes.size()), static_cast<std::size_t>(size));
}

}  // namespace kiban::services
