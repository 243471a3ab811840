// Where a copy gets its bytes.
#pragma once

#include "services/s3/content.h"

namespace kiban::services::s3 {

struct Source {
  json::object row{};  // Of the object, with its Bucket.
  Content content{};   // Of what is copied: CopySourceRange of it, or all.
  api::ChecksumKind kind{api::ChecksumKind::Crc64nvme};  // That the copy is to have.
};

// With what is known of the content. Errors InvalidArgument, InvalidRequest, NoSuchKey, …
Result<Source> find_source(Context& context, const json::object& input);
// With MD5 and checksum: those that came as Body, or calculated.
Result<Source> copy_source(Context& context, const json::object& input);

// Error NoSuchUpload.
Result<json::object> load_upload(const Context& context, const json::object& input);

}  // namespace kiban::services::s3
