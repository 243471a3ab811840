// Bulk bytes where an operation needs them in memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services {

// The bytes of a blob by its digest. Error NoSuchBlob.
using BlobReader = std::function<Result<std::string>(std::string_view digest)>;

// What a streaming member holds: {"Digest", "Offset" (0), "Size" (all)}, or {"Pieces": [such]}.
// Error NoSuchBlob.
Result<std::string> read_bulk(const BlobReader& blobs, const json::object& body);
Result<std::string> read_bulk(const Context& context, const json::object& body);

}  // namespace kiban::services
