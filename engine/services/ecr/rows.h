// Rows and operation tables that the files of ecr/ share. Repository names hold no colon, so a
// colon ends them in keys.
#pragma once

#include <string>
#include <string_view>

#include "services/base/table_service.h"

namespace kiban::services::ecr {

constexpr std::size_t page_size_default = 100;  // https://docs.aws.amazon.com/AmazonECR/latest/
constexpr std::size_t page_size_max = 1'000;    // APIReference/API_DescribeImages.html

// A repository's row: the members of AWS's Repository that do not depend on where this server
// listens, and tags, lifecyclePolicyText, policyText.
std::string repository_key(const Context& context, std::string_view name);
// An image's row: AWS's ImageDetail, and `blobs` and `images`, the digests that it refers to.
std::string image_key(const Context& context, std::string_view repository, std::string_view digest);
std::string manifest_key(const Context& context, std::string_view repository,
                         std::string_view digest);
// Its value is the image's digest.
std::string tag_key(const Context& context, std::string_view repository, std::string_view tag);
std::string layer_key(const Context& context, std::string_view repository, std::string_view digest);

// The repository that the request names, once the authoriser agrees to `action` ("ecr:PutImage") on
// it. Error RepositoryNotFoundException.
Result<json::object> open_repository(Context& context, const json::object& input,
                                     std::string_view action);
std::unexpected<Error> invalid_parameter(std::string_view parameter, std::string_view why);

// One page of `all`, as maxResults and nextToken of the request ask, as {`member`, nextToken}.
Result<json::object> reply_page(const json::object& input, std::string_view member,
                                const json::array& all);
// Refuses maxResults and nextToken beside `member`, which names what is wanted.
Result<void> check_no_page(const json::object& input, std::string_view member);
// May `tag` not be moved to another image?
bool is_immutable(const json::object& repository, std::string_view tag);

const OperationTable& repository_operations();
const OperationTable& image_operations();
const OperationTable& put_operations();

}  // namespace kiban::services::ecr
