// What the files that keep a bucket's configurations share.
#pragma once

#include <algorithm>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::s3 {

std::unexpected<Error> malformed_xml();

// Keeps `value` as the bucket's `member`.
Result<json::object> keep(Context& context, const json::object& input, std::string_view member,
                          json::value value);
// The bucket's `member`, or the error `name` with `cause`.
Result<json::value> kept(const Context& context, const json::object& input, std::string_view member,
                         std::string_view name, std::string_view cause);
Result<json::object> forget(Context& context, const json::object& input, std::string_view member);

// forget() as an entry of an operation table: forget_member<"CORSConfiguration">.
template <std::size_t size>
struct Name {
  char text[size];
  constexpr Name(const char (&given)[size]) { std::ranges::copy(given, text); }
};
template <Name member>
Result<json::object> forget_member(Context& context, const json::object& input) {
  return forget(context, input, member.text);
}

// Whether ACLs are switched off, as in every bucket since 2023 that does not ask for them.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
bool without_acls(const json::object& bucket);
// The ACL that CreateBucket, PutObject and their like may give. Errors
// AccessControlListNotSupported, AccessDenied, NotImplemented.
Result<void> check_acl(const json::object& bucket, const json::object& input);
// Whether a setting of the bucket's public access block is on.
bool blocks(const json::object& bucket, std::string_view setting);

}  // namespace kiban::services::s3
