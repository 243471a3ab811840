#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/codec.h"
#include "services/ecr/manifest.h"
#include "services/ecr/service.h"
#include "store/blobs.h"
#include "testing/service_fixture.h"

namespace kiban::services::ecr {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view oci = "application/vnd.oci.image.manifest.v1+json";

std::string digest_of(std::string_view bytes) { return "sha256:" + store::sha256_hex(bytes); }

json::object descriptor(std::string_view type, std::string_view bytes) {
  return {{"mediaType", type}, {"digest", digest_of(bytes)}, {"size", bytes.size()}};
}

// An image whose config and only layer are these bytes.
std::string image(std::string_view config, std::string_view layer) {
  return print_json(
      json::object{{"schemaVersion", 2},
                   {"mediaType", oci},
                   {"config", descriptor("application/vnd.oci.image.config.v1+json", config)},
                   {"layers", {descriptor("application/vnd.oci.image.layer.v1.tar", layer)}}});
}

std::string index_of(std::string_view image_manifest) {
  return print_json(json::object{{"schemaVersion", 2},
                                 {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                 {"manifests", {descriptor(oci, image_manifest)}}});
}

class EcrTest : public ServiceTest {
 protected:
  EcrTest() : ServiceTest("ecr", {make_ecr}) {}
  void create(std::string_view name, json::object more = {}) {
    more["repositoryName"] = name;
    call("CreateRepository", std::move(more));
  }
  // Layers and manifest, as the registry puts them.
  std::string push(std::string_view repository, const std::string& tag, std::string_view layer) {
    for (const std::string_view bytes : {std::string_view("{}"), layer})
      call("kiban:PutLayer", {{"repositoryName", repository},
                              {"layerDigest", digest_of(bytes)},
                              {"layerSize", bytes.size()}});
    json::object input{{"repositoryName", repository}, {"imageManifest", image("{}", layer)}};
    if (!tag.empty()) input["imageTag"] = tag;
    call("PutImage", std::move(input));
    return digest_of(image("{}", layer));
  }
  std::vector<std::string> listed(json::object input) {
    std::vector<std::string> all;
    for (const json::value& id : call("ListImages", std::move(input)).at("imageIds").as_array())
      all.push_back(text(id.as_object(), "imageTag", "-") + " " +
                    text(id.as_object(), "imageDigest"));
    std::ranges::sort(all);
    return all;
  }
};

TEST_F(EcrTest, KeepsRepositoriesApart) {
  create("team/app");
  create("team/app/web");
  const json::object shown = call("DescribeRepositories", {{"repositoryNames", {"team/app"}}})
                                 .at("repositories")
                                 .at(0)
                                 .as_object();
  EXPECT_EQ(text(shown, "repositoryArn"),
            "arn:aws:ecr:ap-northeast-1:000000000000:repository/team/app");
  EXPECT_EQ(text(shown, "repositoryUri"), "127.0.0.1:4566/team/app");
  EXPECT_EQ(text(shown, "imageTagMutability"), "MUTABLE");
  EXPECT_EQ(refusal("CreateRepository", {{"repositoryName", "team/app"}}).name,
            "RepositoryAlreadyExistsException");
  EXPECT_EQ(refusal("DescribeRepositories", {{"repositoryNames", {"team"}}}),
            (Error{.name = "RepositoryNotFoundException",
                   .cause = "The repository with name 'team' does not exist in the registry with "
                            "id '000000000000'"}));
  EXPECT_EQ(
      refusal("ListImages", {{"repositoryName", "team/app"}, {"registryId", "111111111111"}}).cause,
      "The repository with name 'team/app' does not exist in the registry with id "
      "'111111111111'");
  push("team/app/web", "one", "a");
  EXPECT_TRUE(listed({{"repositoryName", "team/app"}}).empty());
  call("DeleteRepository", {{"repositoryName", "team/app"}});
  EXPECT_EQ(listed({{"repositoryName", "team/app/web"}}).size(), 1U);
}

TEST_F(EcrTest, RefusesNamesThatAreNone) {
  for (const std::string_view name :
       {"", "a", "A1", "a:b", "a b", "/a", "a/", "a//b", "-a", "a..b", "a._b", "../a"})
    EXPECT_EQ(refusal("CreateRepository", {{"repositoryName", name}}).name,
              "InvalidParameterException")
        << name;
  for (const std::string_view name : {"ab", "a/b", "a--b", "a__b/c.d_e", "0/1"}) create(name);
}

TEST_F(EcrTest, DeletesARepositoryWithImagesOnlyByForce) {
  create("app");
  push("app", "one", "a");
  EXPECT_EQ(refusal("DeleteRepository", {{"repositoryName", "app"}}),
            (Error{.name = "RepositoryNotEmptyException",
                   .cause = "The repository with name 'app' in registry with id '000000000000' "
                            "cannot be deleted because it still contains images"}));
  call("DeleteRepository", {{"repositoryName", "app"}, {"force", true}});
  create("app");
  EXPECT_TRUE(listed({{"repositoryName", "app"}}).empty());
  EXPECT_EQ(
      refusal("kiban:GetLayer", {{"repositoryName", "app"}, {"layerDigest", digest_of("a")}}).name,
      "LayersNotFoundException");
}

TEST_F(EcrTest, MovesATagAndKeepsTheOldImageUntagged) {
  create("app");
  const std::string first = push("app", "latest", "a");
  const std::string second = push("app", "latest", "b");
  push("app", "two", "b");
  EXPECT_THAT(listed({{"repositoryName", "app"}}),
              ElementsAre("- " + first, "latest " + second, "two " + second));
  EXPECT_THAT(listed({{"repositoryName", "app"}, {"filter", {{"tagStatus", "UNTAGGED"}}}}),
              ElementsAre("- " + first));
  EXPECT_EQ(
      refusal("PutImage",
              {{"repositoryName", "app"}, {"imageTag", "two"}, {"imageManifest", image("{}", "b")}})
          .name,
      "ImageAlreadyExistsException");
}

TEST_F(EcrTest, GivesBackTheManifestAsItCame) {
  create("app");
  const std::string digest = push("app", "one", "a");
  const json::object reply = call(
      "BatchGetImage",
      {{"repositoryName", "app"},
       {"imageIds", {{{"imageTag", "one"}}, {{"imageDigest", digest}}, {{"imageTag", "no"}}}}});
  ASSERT_EQ(reply.at("images").as_array().size(), 2U);
  for (const json::value& each : reply.at("images").as_array()) {
    EXPECT_EQ(each.at("imageManifest"), json::value(image("{}", "a")));
    EXPECT_EQ(each.at("imageManifestMediaType"), json::value(oci));
    EXPECT_EQ(each.at("imageId").at("imageDigest"), json::value(digest));
  }
  EXPECT_EQ(reply.at("failures").at(0).at("failureCode"), json::value("ImageNotFound"));
  const json::value detail =
      call("DescribeImages", {{"repositoryName", "app"}}).at("imageDetails").at(0);
  EXPECT_EQ(detail.at("imageSizeInBytes").to_number<int>(), 3);
  EXPECT_EQ(detail.at("imageTags"), json::value(json::array{"one"}));
  EXPECT_EQ(
      refusal("DescribeImages", {{"repositoryName", "app"}, {"imageIds", {{{"imageTag", "no"}}}}}),
      (Error{.name = "ImageNotFoundException",
             .cause = "The image with imageId {imageDigest:'null', imageTag:'no'} does not "
                      "exist within the repository with name 'app' in the registry with id "
                      "'000000000000'"}));
}

TEST_F(EcrTest, RefusesAnImageWhosePartsAreMissing) {
  create("app");
  const Error layers =
      refusal("PutImage", {{"repositoryName", "app"}, {"imageManifest", image("{}", "a")}});
  EXPECT_EQ(layers.name, "LayersNotFoundException");
  EXPECT_THAT(layers.cause, HasSubstr(digest_of("a")));
  EXPECT_EQ(refusal("PutImage",
                    {{"repositoryName", "app"}, {"imageManifest", index_of(image("{}", "a"))}})
                .name,
            "ReferencedImagesNotFoundException");
  push("app", "", "a");
  EXPECT_EQ(refusal("PutImage", {{"repositoryName", "app"},
                                 {"imageManifest", image("{}", "a")},
                                 {"imageTag", "t"},
                                 {"imageDigest", digest_of("x")}})
                .name,
            "ImageDigestDoesNotMatchException");
  EXPECT_TRUE(try_call("ecr", "PutImage",
                       {{"repositoryName", "app"},
                        {"imageTag", "multi"},
                        {"imageManifest", index_of(image("{}", "a"))}}));
}

TEST_F(EcrTest, HonoursImmutableTags) {
  create("app", {{"imageTagMutability", "IMMUTABLE_WITH_EXCLUSION"},
                 {"imageTagMutabilityExclusionFilters",
                  {{{"filterType", "WILDCARD"}, {"filter", "dev-*"}}}}});
  push("app", "dev-1", "a");
  push("app", "dev-1", "b");
  push("app", "v1", "a");
  const json::object again{
      {"repositoryName", "app"}, {"imageTag", "v1"}, {"imageManifest", image("{}", "b")}};
  EXPECT_EQ(refusal("PutImage", again),
            (Error{.name = "ImageTagAlreadyExistsException",
                   .cause = "The image tag 'v1' already exists in the 'app' repository and cannot "
                            "be overwritten because the repository is immutable."}));
  call("PutImageTagMutability", {{"repositoryName", "app"}, {"imageTagMutability", "MUTABLE"}});
  EXPECT_TRUE(try_call("ecr", "PutImage", again));
}

TEST_F(EcrTest, DeletesByTagAndByDigest) {
  create("app");
  const std::string digest = push("app", "one", "a");
  push("app", "two", "a");
  const auto remove = [&](const json::object& id) {
    return call("BatchDeleteImage", {{"repositoryName", "app"}, {"imageIds", json::array{id}}});
  };
  EXPECT_EQ(remove({{"imageTag", "one"}}).at("imageIds").as_array().size(), 1U);
  EXPECT_THAT(listed({{"repositoryName", "app"}}), ElementsAre("two " + digest));
  call("PutImage", {{"repositoryName", "app"}, {"imageManifest", index_of(image("{}", "a"))}});
  EXPECT_EQ(remove({{"imageDigest", digest}}).at("failures").at(0).at("failureCode"),
            json::value("ImageReferencedByManifestList"));
  remove({{"imageDigest", digest_of(index_of(image("{}", "a")))}});
  EXPECT_EQ(remove({{"imageDigest", digest}}).at("imageIds").at(0).at("imageTag"),
            json::value("two"));
  EXPECT_TRUE(listed({{"repositoryName", "app"}}).empty());
  EXPECT_EQ(remove({{"imageTag", "two"}}).at("failures").at(0).at("failureCode"),
            json::value("ImageNotFound"));
}

TEST_F(EcrTest, LifecyclePoliciesHaveAGrammar) {
  create("app");
  const auto put = [&](const std::string& rules) {
    const auto reply = try_call(
        "ecr", "PutLifecyclePolicy",
        {{"repositoryName", "app"}, {"lifecyclePolicyText", "{\"rules\":[" + rules + "]}"}});
    return reply ? "" : reply.error().name;
  };
  const auto rule = [](int priority, const std::string& selection,
                       const std::string& action = "expire") {
    return fmt::format(R"({{"rulePriority":{},"selection":{{{}}},"action":{{"type":"{}"}}}})",
                       priority, selection, action);
  };
  const std::string count = R"(,"countType":"imageCountMoreThan","countNumber":3)";
  const std::string age = R"(,"countType":"sinceImagePushed","countNumber":3)";
  const std::string days = R"(,"countUnit":"days")";
  const std::string untagged = R"("tagStatus":"untagged")";
  const std::string any = R"("tagStatus":"any")";
  const std::string tagged = R"("tagStatus":"tagged","tagPrefixList":["v"])";
  const std::vector<std::string> accepted{
      rule(1, untagged + count), rule(1, untagged + age + days), rule(2, tagged + count),
      rule(1, R"("tagStatus":"tagged","tagPatternList":["v*"])" + count),
      rule(1, tagged + count) + "," + rule(2, any + count)};
  for (const std::string& good : accepted) EXPECT_EQ(put(good), "") << good;
  const std::vector<std::string> refused{rule(0, untagged + count),
                                         rule(1, "\"tagStatus\":\"some\"" + count),
                                         rule(1, untagged),
                                         rule(1, untagged + age),
                                         rule(1, untagged + count + days),
                                         rule(1, "\"tagStatus\":\"tagged\"" + count),
                                         rule(1, untagged + R"(,"tagPrefixList":["v"])" + count),
                                         rule(1, tagged + R"(,"tagPatternList":["v"])" + count),
                                         rule(1, any + count, "delete"),
                                         rule(1, any + count) + "," + rule(2, tagged + count),
                                         rule(1, untagged + R"(,"countUnit":null)" + count),
                                         rule(1, untagged + count, "transition"),
                                         rule(1, tagged + count) + "," + rule(1, untagged + count)};
  for (const std::string& bad : refused) EXPECT_EQ(put(bad), "InvalidParameterException") << bad;
}

TEST_F(EcrTest, NamesExcludePages) {
  create("app");
  EXPECT_EQ(refusal("DescribeRepositories", {{"repositoryNames", {"app"}}, {"maxResults", 5}}).name,
            "InvalidParameterException");
  EXPECT_EQ(refusal("DescribeRepositories", {{"nextToken", "x"}}).name,
            "InvalidParameterException");
}

TEST_F(EcrTest, KeepsPoliciesAndTags) {
  create("app", {{"tags", {{{"Key", "a"}, {"Value", "1"}}}}});
  EXPECT_EQ(refusal("GetLifecyclePolicy", {{"repositoryName", "app"}}),
            (Error{.name = "LifecyclePolicyNotFoundException",
                   .cause = "Lifecycle policy does not exist for the repository with name 'app' in "
                            "the registry with id '000000000000'"}));
  EXPECT_EQ(refusal("PutLifecyclePolicy",
                    {{"repositoryName", "app"}, {"lifecyclePolicyText", R"({"rules":[]})"}})
                .name,
            "InvalidParameterException");
  const std::string policy =
      R"({"rules":[{"rulePriority":1,"description":"expire all","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":1},"action":{"type":"expire"}}]})";
  call("PutLifecyclePolicy", {{"repositoryName", "app"}, {"lifecyclePolicyText", policy}});
  EXPECT_EQ(text(call("GetLifecyclePolicy", {{"repositoryName", "app"}}), "lifecyclePolicyText"),
            policy);
  call("DeleteLifecyclePolicy", {{"repositoryName", "app"}});
  EXPECT_EQ(refusal("GetLifecyclePolicy", {{"repositoryName", "app"}}).name,
            "LifecyclePolicyNotFoundException");
  call("SetRepositoryPolicy", {{"repositoryName", "app"}, {"policyText", R"({"Statement":[]})"}});
  EXPECT_EQ(text(call("GetRepositoryPolicy", {{"repositoryName", "app"}}), "policyText"),
            R"({"Statement":[]})");
  const std::string arn = "arn:aws:ecr:ap-northeast-1:000000000000:repository/app";
  call("TagResource", {{"resourceArn", arn}, {"tags", {{{"Key", "b"}, {"Value", "2"}}}}});
  call("UntagResource", {{"resourceArn", arn}, {"tagKeys", {"a"}}});
  EXPECT_EQ(call("ListTagsForResource", {{"resourceArn", arn}}).at("tags"),
            (json::value{{{"Key", "b"}, {"Value", "2"}}}));
}

TEST_F(EcrTest, ListsInPages) {
  create("app");
  for (const std::string_view layer : {"a", "b", "c"}) push("app", "", layer);
  json::object input{{"repositoryName", "app"}, {"maxResults", 2}};
  const json::object first = call("DescribeImages", input);
  EXPECT_EQ(first.at("imageDetails").as_array().size(), 2U);
  input["nextToken"] = first.at("nextToken");
  const json::object second = call("DescribeImages", input);
  EXPECT_EQ(second.at("imageDetails").as_array().size(), 1U);
  EXPECT_FALSE(second.contains("nextToken"));
}

TEST_F(EcrTest, SignsPasswords) {
  const json::value data = call("GetAuthorizationToken", {}).at("authorizationData").at(0);
  EXPECT_EQ(data.at("proxyEndpoint"), json::value("http://127.0.0.1:4566"));
  EXPECT_EQ(data.at("expiresAt").as_double(), epoch_seconds(now_ + 12h));
  const std::string login =
      api::decode_base64(std::string_view(data.at("authorizationToken").as_string())).value_or("");
  ASSERT_THAT(login, testing::StartsWith("AWS:"));
  const std::string key = kernel_->read(token_key_row).value_or("");
  const auto token = read_token(key, login.substr(4));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->caller, "arn:aws:iam::000000000000:root");
  EXPECT_EQ(token->region, "ap-northeast-1");
  EXPECT_EQ(token->expires, now_ + 12h);
  const std::string plain = api::decode_base64(login.substr(4)).value_or("");
  const std::string later = "9" + plain.substr(1);  // The expiry, moved.
  EXPECT_FALSE(read_token(key, api::encode_base64(later)));
  EXPECT_FALSE(read_token("other", login.substr(4)));
  EXPECT_FALSE(read_token("", login.substr(4)));
  EXPECT_FALSE(read_token(key, "x"));
}

TEST(Manifest, IsReadOrRefused) {
  const auto read = [](const std::string& manifest, std::string_view type = {}) {
    const auto parsed = parse_manifest(manifest, type);
    return parsed ? parsed->media_type : parsed.error().cause;
  };
  EXPECT_EQ(read(image("{}", "a")), oci);
  EXPECT_EQ(read(image("{}", "a"), oci), oci);
  EXPECT_THAT(read(image("{}", "a"), "text/plain"), HasSubstr("'text/plain' was given"));
  EXPECT_THAT(read("{"), HasSubstr("Invalid parameter at 'ImageManifest'"));
  EXPECT_THAT(read("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(read(R"({"schemaVersion":1})"), HasSubstr("schemaVersion must be 2"));
  EXPECT_THAT(read(R"({"schemaVersion":2})"), HasSubstr("no mediaType"));
  EXPECT_THAT(read(R"({"schemaVersion":2})", oci), HasSubstr("config must be an object"));
  EXPECT_THAT(read(R"({"schemaVersion":2,"config":{"digest":"sha256:1","size":1}})", oci),
              HasSubstr("config.digest"));
}

TEST(Manifest, LeavesForeignLayersWhereTheyAre) {
  std::string manifest = image("{}", "a");
  const std::string_view layer = "application/vnd.oci.image.layer.v1.tar";
  manifest.replace(manifest.find(layer), layer.size(),
                   "application/vnd.oci.image.layer.nondistributable.v1.tar");
  const auto parsed = parse_manifest(manifest, "");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->blobs.size(), 1U);
}

TEST(Manifest, KnowsTagsAndDigests) {
  EXPECT_TRUE(is_tag("v1.2_3-rc"));
  EXPECT_FALSE(is_tag(".x"));
  EXPECT_FALSE(is_tag(""));
  EXPECT_FALSE(is_tag(std::string(129, 'a')));
  EXPECT_TRUE(is_sha256(digest_of("")));
  EXPECT_FALSE(is_sha256("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(is_sha256("sha512:" + std::string(64, 'a')));
}

}  // namespace
}  // namespace kiban::services::ecr
