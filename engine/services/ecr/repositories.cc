// Repositories and what is set on them.
#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/base/tags.h"
#include "services/ecr/lifecycle.h"
#include "services/ecr/rows.h"

namespace kiban::services::ecr {
namespace {

std::string key_of(const Context& context, std::string_view kind, std::string_view rest) {
  return fmt::format("ecr/{}/{}/{}", context.caller().region, kind, rest);
}

std::unexpected<Error> not_found(const Context& context, std::string_view name,
                                 std::string_view registry) {
  return fail("RepositoryNotFoundException",
              fmt::format("The repository with name '{}' does not exist in the registry with id "
                          "'{}'",
                          name, registry.empty() ? context.caller().account : registry));
}

// host:port of this server.
std::string_view host_of(const Context& context) {
  const std::string_view endpoint = context.endpoint();
  const std::size_t slashes = endpoint.find("//");
  return slashes == std::string_view::npos ? endpoint : endpoint.substr(slashes + 2);
}

json::object described(const Context& context, const json::object& row) {
  json::object out = row;
  for (const std::string_view own : {"tags", "lifecyclePolicyText", "policyText"}) out.erase(own);
  out["repositoryUri"] = fmt::format("{}/{}", host_of(context), text(row, "repositoryName"));
  return out;
}

void save(Context& context, const json::object& row) {
  put_json(context, repository_key(context, text(row, "repositoryName")), row);
}

json::object named(const json::object& row) {
  return {{"registryId", row.at("registryId")}, {"repositoryName", row.at("repositoryName")}};
}

// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html
Result<void> set_mutability(json::object& row, const json::object& input) {
  const std::string mutability = text(input, "imageTagMutability", "MUTABLE");
  const json::array* filters = find_array(input, "imageTagMutabilityExclusionFilters");
  const bool excludes = mutability.ends_with("_WITH_EXCLUSION");
  if (excludes != (filters && !filters->empty()))
    return invalid_parameter("imageTagMutabilityExclusionFilters",
                             excludes ? "Exclusion filters are required with this mutability"
                                      : "Exclusion filters need a mutability WITH_EXCLUSION");
  row["imageTagMutability"] = mutability;
  row.erase("imageTagMutabilityExclusionFilters");
  if (excludes) row["imageTagMutabilityExclusionFilters"] = *filters;
  return {};
}

// The pattern of the API model: words of lower-case letters and digits, joined by '.', '_', '__',
// dashes or slashes. Keys of rows rely on it.
bool is_repository_name(std::string_view name) {
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::string joint;
  for (const char c : name) {
    if (!word(c)) {
      joint += c;
      continue;
    }
    const bool joins = joint.empty() || joint == "." || joint == "_" || joint == "__" ||
                       joint == "/" || joint.find_first_not_of('-') == std::string::npos;
    if (!joins) return false;
    joint.clear();
  }
  return name.size() >= 2 && name.size() <= 256 && word(name.front()) && word(name.back());
}

Result<json::object> create_repository(Context& context, const json::object& input) {
  const std::string name = text(input, "repositoryName");
  if (!is_repository_name(name))
    return invalid_parameter("repositoryName",
                             "must satisfy regular expression "
                             "'(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'");
  const std::string arn = make_arn(context, "ecr", fmt::format("repository/{}", name));
  KIBAN_TRY_VOID(context.authorise("ecr:CreateRepository", arn));
  const std::string& account = context.caller().account;
  if (text(input, "registryId", account) != account) return not_found(context, name, "");
  if (context.get(repository_key(context, name)))
    return fail("RepositoryAlreadyExistsException",
                fmt::format("The repository with name '{}' already exists in the registry with id "
                            "'{}'",
                            name, account));
  const json::object* encryption = find_object(input, "encryptionConfiguration");
  if (encryption && text(*encryption, "encryptionType") != "AES256")
    return invalid_parameter("encryptionConfiguration", "kiban honours AES256 only");
  const json::object* scanning = find_object(input, "imageScanningConfiguration");
  json::object row{{"repositoryArn", arn},
                   {"registryId", account},
                   {"repositoryName", name},
                   {"createdAt", epoch_seconds(context.now())},
                   {"imageScanningConfiguration",
                    {{"scanOnPush", scanning ? flag(*scanning, "scanOnPush") : false}}},
                   {"encryptionConfiguration", {{"encryptionType", "AES256"}}}};
  KIBAN_TRY_VOID(set_mutability(row, input));
  const json::array* tags = find_array(input, "tags");
  if (tags && too_many_tags(*tags))
    return fail("TooManyTagsException", "A repository can have at most 50 tags.");
  row["tags"] = tags ? *tags : json::array{};
  save(context, row);
  return json::object{{"repository", described(context, row)}};
}

Result<json::object> describe_repositories(Context& context, const json::object& input) {
  json::array all;
  if (const json::array* names = find_array(input, "repositoryNames")) {
    KIBAN_TRY_VOID(check_no_page(input, "repositoryNames"));
    for (const json::value& name : *names) {
      json::object one{{"repositoryName", name}};
      if (input.contains("registryId")) one["registryId"] = input.at("registryId");
      KIBAN_TRY(const json::object row, open_repository(context, one, "ecr:DescribeRepositories"));
      all.push_back(described(context, row));
    }
    return json::object{{"repositories", std::move(all)}};
  }
  KIBAN_TRY_VOID(
      context.authorise("ecr:DescribeRepositories", make_arn(context, "ecr", "repository/*")));
  for (const json::object& row : list_json(context, repository_key(context, "")))
    all.push_back(described(context, row));
  return reply_page(input, "repositories", all);
}

void erase_all(Context& context, const std::string& prefix) {
  for (const store::Row& row : context.scan(prefix)) context.erase(row.key);
}

Result<json::object> delete_repository(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, open_repository(context, input, "ecr:DeleteRepository"));
  const std::string name = text(row, "repositoryName");
  if (!flag(input, "force") && !context.scan(image_key(context, name, ""), {}, 1).empty())
    return fail("RepositoryNotEmptyException",
                fmt::format("The repository with name '{}' in registry with id '{}' cannot be "
                            "deleted because it still contains images",
                            name, text(row, "registryId")));
  for (const auto& key : {image_key, manifest_key, tag_key, layer_key})
    erase_all(context, key(context, name, ""));
  context.erase(repository_key(context, name));
  return json::object{{"repository", described(context, row)}};
}

Result<json::object> put_tag_mutability(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, open_repository(context, input, "ecr:PutImageTagMutability"));
  KIBAN_TRY_VOID(set_mutability(row, input));
  save(context, row);
  json::object out = named(row);
  for (const std::string_view member :
       {"imageTagMutability", "imageTagMutabilityExclusionFilters"}) {
    if (row.contains(member)) out[member] = row.at(member);
  }
  return out;
}

Result<json::object> put_scanning(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, open_repository(context, input, "ecr:PutImageScanningConfiguration"));
  const json::object* scanning = find_object(input, "imageScanningConfiguration");
  row["imageScanningConfiguration"] = {
      {"scanOnPush", scanning ? flag(*scanning, "scanOnPush") : false}};
  save(context, row);
  json::object out = named(row);
  out["imageScanningConfiguration"] = row.at("imageScanningConfiguration");
  return out;
}

// Policies --------------------------------------------------------------------------------------

// A text that is kept with a repository: AWS's names for it.
struct PolicyKind {
  std::string_view member{};
  std::string_view action{};  // GetX, DeleteX.
  std::string_view missing{};
  std::string_view title{};
};
constexpr PolicyKind lifecycle{.member = "lifecyclePolicyText",
                               .action = "LifecyclePolicy",
                               .missing = "LifecyclePolicyNotFoundException",
                               .title = "Lifecycle policy"};
constexpr PolicyKind access{.member = "policyText",
                            .action = "RepositoryPolicy",
                            .missing = "RepositoryPolicyNotFoundException",
                            .title = "Repository policy"};

json::object told(const PolicyKind& kind, const json::object& row) {
  json::object out = named(row);
  out[kind.member] = row.at(kind.member);
  return out;
}

Result<json::object> open_policy(Context& context, const json::object& input,
                                 const PolicyKind& kind, std::string_view verb) {
  KIBAN_TRY(json::object row,
            open_repository(context, input, fmt::format("ecr:{}{}", verb, kind.action)));
  if (row.contains(kind.member)) return row;
  return fail(std::string(kind.missing),
              fmt::format("{} does not exist for the repository with name '{}' in the registry "
                          "with id '{}'",
                          kind.title, text(row, "repositoryName"), text(row, "registryId")));
}

template <const PolicyKind& kind>
Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, open_policy(context, input, kind, "Get"));
  return told(kind, row);
}

template <const PolicyKind& kind>
Result<json::object> delete_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, open_policy(context, input, kind, "Delete"));
  json::object out = told(kind, row);
  row.erase(kind.member);
  save(context, row);
  return out;
}

// What every lifecycle policy must have, though kiban runs none:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
Result<json::object> put_lifecycle_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, open_repository(context, input, "ecr:PutLifecyclePolicy"));
  const auto refused = [](std::string_view why) {
    return invalid_parameter("LifecyclePolicyText",
                             fmt::format("Lifecycle policy validation failure: {}", why));
  };
  const auto policy = parse_json(text(input, lifecycle.member));
  if (!policy || !policy->is_object()) return refused("it must be a JSON object");
  if (const std::string why = lifecycle_fault(policy->get_object()); !why.empty())
    return refused(why);
  row[lifecycle.member] = input.at(lifecycle.member);
  save(context, row);
  return told(lifecycle, row);
}

Result<json::object> set_repository_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, open_repository(context, input, "ecr:SetRepositoryPolicy"));
  const auto policy = parse_json(text(input, access.member));
  if (!policy || !policy->is_object() || !policy->get_object().contains("Statement"))
    return invalid_parameter("PolicyText", "Invalid repository policy provided");
  row[access.member] = input.at(access.member);
  save(context, row);
  return told(access, row);
}

// Tags ------------------------------------------------------------------------------------------

Result<json::object> open_resource(Context& context, const json::object& input,
                                   std::string_view action) {
  const auto arn = parse_arn(text(input, "resourceArn"));
  constexpr std::string_view kind = "repository/";
  if (!arn || arn->service != "ecr" || !arn->resource.starts_with(kind))
    return invalid_parameter("resourceArn", "Invalid ARN");
  return open_repository(context, {{"repositoryName", arn->resource.substr(kind.size())}}, action);
}

Result<json::object> change_tags(Context& context, const json::object& input) {
  const json::array* added = find_array(input, "tags");
  const json::array* removed = find_array(input, "tagKeys");
  KIBAN_TRY(json::object row,
            open_resource(context, input, added ? "ecr:TagResource" : "ecr:UntagResource"));
  json::array kept;
  for (const json::value& tag : row["tags"].as_array()) {
    const json::value& key = tag.at("Key");
    const bool replaced = added && std::ranges::any_of(*added, [&](const json::value& other) {
                            return other.at("Key") == key;
                          });
    const bool taken = removed && std::ranges::find(*removed, key) != removed->end();
    if (!replaced && !taken) kept.push_back(tag);
  }
  for (const json::value& tag : added ? *added : json::array{}) kept.push_back(tag);
  if (too_many_tags(kept))
    return fail("TooManyTagsException", "A repository can have at most 50 tags.");
  row["tags"] = std::move(kept);
  save(context, row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, open_resource(context, input, "ecr:ListTagsForResource"));
  return json::object{{"tags", row.at("tags")}};
}

// `filter` may hold wildcards (*): "release-*".
bool matches_filter(std::string_view filter, std::string_view tag) {
  const std::size_t star = filter.find('*');
  if (star == std::string_view::npos) return filter == tag;
  if (!tag.starts_with(filter.substr(0, star))) return false;
  const std::string_view rest = filter.substr(star + 1);
  for (std::size_t from = star; from <= tag.size(); ++from)
    if (matches_filter(rest, tag.substr(from))) return true;
  return false;
}

}  // namespace

std::string repository_key(const Context& context, std::string_view name) {
  return key_of(context, "repository", name);
}
std::string image_key(const Context& context, std::string_view repository,
                      std::string_view digest) {
  return key_of(context, "image", fmt::format("{}:{}", repository, digest));
}
std::string manifest_key(const Context& context, std::string_view repository,
                         std::string_view digest) {
  return key_of(context, "manifest", fmt::format("{}:{}", repository, digest));
}
std::string tag_key(const Context& context, std::string_view repository, std::string_view tag) {
  return key_of(context, "tag", fmt::format("{}:{}", repository, tag));
}
std::string layer_key(const Context& context, std::string_view repository,
                      std::string_view digest) {
  return key_of(context, "layer", fmt::format("{}:{}", repository, digest));
}

Result<json::object> open_repository(Context& context, const json::object& input,
                                     std::string_view action) {
  const std::string name = text(input, "repositoryName");
  KIBAN_TRY_VOID(
      context.authorise(action, make_arn(context, "ecr", fmt::format("repository/{}", name))));
  const std::string registry = text(input, "registryId", context.caller().account);
  auto row = get_json(context, repository_key(context, name));
  if (!row || registry != context.caller().account) return not_found(context, name, registry);
  return *std::move(row);
}

std::unexpected<Error> invalid_parameter(std::string_view parameter, std::string_view why) {
  return fail(
      "InvalidParameterException",
      fmt::format("Invalid parameter at '{}' failed to satisfy constraint: '{}'", parameter, why));
}

Result<json::object> reply_page(const json::object& input, std::string_view member,
                                const json::array& all) {
  const std::int64_t limit = number(input, "maxResults", page_size_default);
  auto page =
      paginate(all,
               std::clamp<std::size_t>(static_cast<std::size_t>(std::max<std::int64_t>(limit, 1)),
                                       1, page_size_max),
               find_string(input, "nextToken"));
  if (!page) return invalid_parameter("nextToken", "Invalid token");
  json::object out{{member, std::move(page->entries)}};
  if (page->next_token) out["nextToken"] = *page->next_token;
  return out;
}

Result<void> check_no_page(const json::object& input, std::string_view member) {
  for (const auto* paging : {"nextToken", "maxResults"})
    if (input.contains(paging))
      return invalid_parameter(paging, fmt::format("cannot be used when {} are specified", member));
  return {};
}

bool is_immutable(const json::object& repository, std::string_view tag) {
  const std::string mutability = text(repository, "imageTagMutability");
  bool excluded = false;
  if (const json::array* filters = find_array(repository, "imageTagMutabilityExclusionFilters")) {
    excluded = std::ranges::any_of(*filters, [&](const json::value& filter) {
      return matches_filter(text(filter.as_object(), "filter"), tag);
    });
  }
  return mutability.starts_with("IMMUTABLE") != excluded;
}

const OperationTable& repository_operations() {
  static const OperationTable table = {
      {"CreateRepository", create_repository},
      {"DeleteLifecyclePolicy", delete_policy<lifecycle>},
      {"DeleteRepository", delete_repository},
      {"DeleteRepositoryPolicy", delete_policy<access>},
      {"DescribeRepositories", describe_repositories},
      {"GetLifecyclePolicy", get_policy<lifecycle>},
      {"GetRepositoryPolicy", get_policy<access>},
      {"ListTagsForResource", list_tags},
      {"PutImageScanningConfiguration", put_scanning},
      {"PutImageTagMutability", put_tag_mutability},
      {"PutLifecyclePolicy", put_lifecycle_policy},
      {"SetRepositoryPolicy", set_repository_policy},
      {"TagResource", change_tags},
      {"UntagResource", change_tags},
  };
  return table;
}

}  // namespace kiban::services::ecr
