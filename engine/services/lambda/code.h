// Where a function's code comes from: a zip in the request or in S3, or an image of ECR. Archives
// are kept as blobs; the host unpacks them.
#pragma once

#include "services/base/service.h"

namespace kiban::services::lambda {

// The code of a version, as its row keeps it:
//   zip:   Digest (of the blob), Size, Sha256 (base64, as CodeSha256 shows it)
//   image: Uri, Repository, ImageDigest ("sha256:…"), ImageManifest (text), Size (0), Sha256 (hex,
//   as
//          CodeSha256 shows)
// `code`: the members of FunctionCode, UpdateFunctionCode or LayerVersionContentInput. Errors
// InvalidParameterValueException, also those of S3 in the words with which Lambda passes them on;
// AccessDeniedException when the caller may not read the object or the image.
Result<json::object> read_code(Context& context, const json::object& code);
// The same of an archive in memory, which must be a zip whose files have `unzipped_bytes_max` at
// most.
Result<json::object> keep_archive(Context& context, std::string_view bytes);

}  // namespace kiban::services::lambda
