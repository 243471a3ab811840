// Rows and operation tables that the files of s3/ share.
//
// s3/bucket/NAME            a bucket and its configurations
// s3/object/NAME/KEY        the current version of an object, never a delete marker
// s3/version/NAME/KEY\0N    what is not current: older versions and delete markers, newest first
// s3/upload/NAME/KEY\0ID    a multipart upload; s3/part/ID/NNNNN its parts
#pragma once

#include <string>
#include <string_view>

#include "services/base/checked_service.h"
#include "services/s3/notifications.h"

namespace kiban::services::s3 {

std::string bucket_key(std::string_view bucket);
std::string object_key(std::string_view bucket, std::string_view key);
std::string version_prefix(std::string_view bucket);
std::string upload_prefix(std::string_view bucket);
std::string part_prefix(std::string_view upload_id);

// Whether the region that a request is signed for must be the bucket's. The source of a copy and
// GetBucketLocation may be asked from anywhere.
enum class Signed : std::uint8_t { ForItsRegion, Anywhere };
// Error NoSuchBucket; AccessDenied when ExpectedBucketOwner is somebody else;
// AuthorizationHeaderMalformed.
Result<json::object> load_bucket(const Context& context, const json::object& input,
                                 Signed region = Signed::ForItsRegion);
// The version asked for, else the current one. Errors NoSuchKey, NoSuchVersion, MethodNotAllowed
// (a delete marker).
Result<json::object> load_object(const Context& context, const json::object& input,
                                 Signed region = Signed::ForItsRegion);

// Rises by one each time: the order of versions and uploads.
std::uint64_t next_sequence(Context& context);
// Makes `row` the current version as the bucket's versioning says, and announces it. {"VersionId"}
// when it has one.
json::object write_object(Context& context, const json::object& bucket, json::object row,
                          const Change& change);
// The same version with other members.
void rewrite_object(Context& context, std::string_view bucket, const json::object& row);
// {"DeleteMarker", "VersionId"} as AWS answers. Announces what it removed.
Result<json::object> remove_object(Context& context, const json::object& bucket,
                                   const std::string& key, const std::string& version_id);

// Seconds since 1970; S3 keeps no fractions.
double now_seconds(const Context& context);

// Kept on the way from a PUT, POST or copy to a GET. `replaced`: a COPY that replaces metadata
// does not take these over.
struct KeptMember {
  std::string_view name{};
  bool replaced{true};
};
constexpr KeptMember kept_members[] = {{"CacheControl"},
                                       {"ContentDisposition"},
                                       {"ContentEncoding"},
                                       {"ContentLanguage"},
                                       {"ContentType"},
                                       {"Expires"},
                                       {"Metadata"},
                                       {"WebsiteRedirectLocation"},
                                       {"BucketKeyEnabled", false},
                                       {"SSEKMSKeyId", false},
                                       {"ServerSideEncryption", false},
                                       {"StorageClass", false}};

// Errors KeyTooLongError, MetadataTooLarge, InvalidArgument.
Result<void> check_key(const json::object& input);
// Encryption as the bucket's default has it, before the request's own.
void encrypt_by_default(const json::object& bucket, json::object& row);
// Of a storage class whose objects are read only once they are restored, which is not served.
bool is_archived(const json::object& row);
// Of an object that is about to be overwritten. Errors PreconditionFailed, NoSuchKey.
Result<void> check_write_conditions(const Context& context, const json::object& input);
// If-Match and its three relatives; `prefix` is "" or "CopySource". Errors NotModified,
// PreconditionFailed.
Result<void> check_read_conditions(const json::object& row, const json::object& input,
                                   std::string_view prefix);
// Tagging: "key=value&…". Errors InvalidArgument, InvalidTag, BadRequest.
Result<json::array> read_tagging_header(const std::string& text);

const CheckedTable& bucket_operations();
const CheckedTable& object_operations();
const CheckedTable& copy_operations();
const CheckedTable& multipart_operations();
const CheckedTable& tag_operations();
const CheckedTable& list_operations();
const CheckedTable& acl_operations();
const CheckedTable& configuration_operations();
const CheckedTable& lifecycle_operations();
const CheckedTable& notification_operations();

}  // namespace kiban::services::s3
