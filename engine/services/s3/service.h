// Amazon S3: buckets, objects, and what a bucket is configured with.
// https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
//
// Bytes lie in the blob store by digest; a row names them, or the pieces of them that make up a
// multipart object. MD5 and checksums are taken where the bytes arrive. Versions are kept as the
// bucket's versioning says. Encryption, lifecycle, policy and public access block are recorded and
// returned; nothing is encrypted and nothing expires.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::s3 {

std::unique_ptr<Service> make_s3();

}  // namespace kiban::services::s3
