// Amazon S3: buckets, objects, and what a bucket is configured with.
// https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
//
// Bytes lie in the blob store by digest; a row names them. An ETag is the MD5 of the content,
// taken where it arrives. Bucket versioning, encryption, lifecycle, policy and public access
// block are recorded and returned; overwritten objects are not kept, nothing expires.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::s3 {

std::unique_ptr<Service> make_s3();

}  // namespace kiban::services::s3
