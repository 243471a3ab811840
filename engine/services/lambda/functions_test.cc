#include "services/lambda/fixture.h"

namespace kiban::services::lambda {
namespace {

using testing::HasSubstr;

class Functions : public LambdaTest {};

TEST_F(Functions, IsShownWithAwsDefaults) {
  const json::object made = create("f");
  EXPECT_EQ(text(made, "State"), "Pending");
  EXPECT_EQ(text(made, "FunctionArn"), std::string(account_arn) + "f");
  const json::object shown = call("GetFunctionConfiguration", {{"FunctionName", "f"}});
  EXPECT_EQ(text(shown, "State"), "Active");
  EXPECT_EQ(text(shown, "LastUpdateStatus"), "Successful");
  EXPECT_EQ(number(shown, "Timeout"), 3);
  EXPECT_EQ(number(shown, "MemorySize"), 128);
  EXPECT_EQ(text(shown, "Version"), "$LATEST");
  EXPECT_EQ(text(shown, "PackageType"), "Zip");
  EXPECT_EQ(shown.at("Architectures"), (json::array{"x86_64"}));
  EXPECT_EQ(shown.at("LoggingConfig"),
            (json::object{{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/f"}}));
  EXPECT_EQ(text(shown, "CodeSha256").size(), 44U);
  EXPECT_EQ(text(shown, "LastModified"), "2023-11-14T22:13:20.000+0000");
}

TEST_F(Functions, RefusesWhatAwsRefuses) {
  create("f");
  const auto refusal_with = [&](json::object more) {
    json::object input{{"FunctionName", "g"},
                       {"Runtime", "python3.12"},
                       {"Handler", "app.handler"},
                       {"Role", function_role},
                       {"Code", {{"ZipFile", zip_of("x")}}}};
    for (auto& member : more) input[member.key()] = member.value();
    const Error error = refusal("CreateFunction", input);
    return error.name + ": " + error.cause;
  };
  EXPECT_EQ(refusal_with({{"FunctionName", "f"}}),
            "ResourceConflictException: Function already exist: f");
  EXPECT_THAT(refusal_with({{"Code", {{"ZipFile", api::encode_base64("no zip")}}}}),
              HasSubstr("Could not unzip uploaded file"));
  EXPECT_THAT(refusal_with({{"Timeout", 901}}), HasSubstr("less than or equal to 900"));
  EXPECT_THAT(refusal_with({{"Runtime", "java21"}}), HasSubstr("does not run the runtime java21"));
  EXPECT_THAT(refusal_with({{"CodeSigningConfigArn",
                             "arn:aws:lambda:ap-northeast-1:000000000000:code-signing-config:"
                             "csc-0123456789abcdef0"}}),
              HasSubstr("does not support CodeSigningConfigArn"));
  EXPECT_THAT(refusal_with({{"Environment", {{"Variables", {{"AWS_REGION", "x"}}}}}}),
              HasSubstr("Reserved keys used in this request: AWS_REGION"));
  EXPECT_THAT(
      refusal_with(
          {{"Layers", {std::string("arn:aws:lambda:ap-northeast-1:") + "000000000000:layer:l:1"}}}),
      HasSubstr("does not exist"));
  EXPECT_THAT(refusal_with({{"Code", {{"ImageUri", "r.example.com/no:such"}}}}),
              HasSubstr("Source image r.example.com/no:such does not exist"));
  EXPECT_THAT(refusal_with({{"Code", {{"S3Bucket", "none"}, {"S3Key", "k"}}}}),
              HasSubstr("S3 Error Code: NoSuchBucket"));
  EXPECT_EQ(refusal("GetFunction", {{"FunctionName", "none"}}).cause,
            fmt::format("Function not found: {}none", account_arn));
}

TEST_F(Functions, RunsAnImageByItsManifest) {
  const auto put = [&](const char* tag, const json::object& manifest) {
    call("ecr", "PutImage",
         {{"repositoryName", "app"}, {"imageTag", tag}, {"imageManifest", print_json(manifest)}});
  };
  call("ecr", "CreateRepository", {{"repositoryName", "app"}});
  const std::string digest = "sha256:" + store::sha256_hex("{}");
  call("ecr", "kiban:PutLayer",
       {{"repositoryName", "app"}, {"layerDigest", digest}, {"layerSize", 2}});
  const json::object config{
      {"mediaType", "application/vnd.oci.image.config.v1+json"}, {"digest", digest}, {"size", 2}};
  const json::object manifest{{"schemaVersion", 2},
                              {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                              {"config", config},
                              {"layers", json::array{}}};
  put("one", manifest);
  const std::string image_digest = "sha256:" + store::sha256_hex(print_json(manifest));
  put("all", {{"schemaVersion", 2},
              {"mediaType", "application/vnd.oci.image.index.v1+json"},
              {"manifests",
               {{{"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                 {"digest", image_digest},
                 {"size", print_json(manifest).size()}}}}});
  const auto of_image = [](std::string_view tag) {
    return json::object{
        {"FunctionName", "i"},
        {"PackageType", "Image"},
        {"Role", function_role},
        {"Code", {{"ImageUri", fmt::format("000000000000.dkr.ecr.x.amazonaws.com/app:{}", tag)}}}};
  };
  EXPECT_THAT(refusal("CreateFunction", of_image("all")).cause,
              HasSubstr("The image manifest, config or layer media type for the source image"));
  call("CreateFunction", of_image("one"));
  json::object image;
  EXPECT_TRUE(invoke({{"FunctionName", "i"}}, [&](const json::object& payload) {
    image = payload.at("Config").at("Image").as_object();
    return returns("1");
  }));
  EXPECT_EQ(text(image, "Manifest"), print_json(manifest));
  EXPECT_EQ(text(image, "Digest"), image_digest);
}

TEST_F(Functions, ReadsNamesAsAwsDoes) {
  create("f");
  call("PublishVersion", {{"FunctionName", "f"}});
  for (const std::string& name :
       {std::string("f"), std::string("function:f"), std::string("000000000000:function:f"),
        std::string(account_arn) + "f", std::string(account_arn) + "f:1", std::string("f:1")})
    EXPECT_EQ(text(call("GetFunctionConfiguration", {{"FunctionName", name}}), "FunctionName"),
              "f");
  create("my-function");
  call("CreateAlias",
       {{"FunctionName", "my-function"}, {"Name", "live"}, {"FunctionVersion", "$LATEST"}});
  EXPECT_EQ(text(call("GetFunctionConfiguration", {{"FunctionName", "my-function:live"}}),
                 "FunctionName"),
            "my-function");
  EXPECT_EQ(refused("GetFunctionConfiguration", {{"FunctionName", "f:1"}, {"Qualifier", "2"}}),
            "InvalidParameterValueException");
  EXPECT_EQ(refused("GetFunctionConfiguration",
                    {{"FunctionName", "arn:aws:lambda:us-east-1:000000000000:function:f"}}),
            "ResourceNotFoundException");
}

TEST_F(Functions, PublishesVersionsThatNeverChange) {
  create("f", {{"Description", "first"}});
  const json::object one = call("PublishVersion", {{"FunctionName", "f"}});
  EXPECT_EQ(text(one, "Version"), "1");
  EXPECT_EQ(text(call("PublishVersion", {{"FunctionName", "f"}}), "Version"), "1")
      << "nothing changed";
  call("UpdateFunctionConfiguration", {{"FunctionName", "f"}, {"Description", "second"}});
  EXPECT_EQ(text(call("PublishVersion", {{"FunctionName", "f"}}), "Version"), "2");
  EXPECT_EQ(text(call("GetFunctionConfiguration", {{"FunctionName", "f"}, {"Qualifier", "1"}}),
                 "Description"),
            "first");
  EXPECT_EQ(
      call("ListVersionsByFunction", {{"FunctionName", "f"}}).at("Versions").as_array().size(), 3U);
  call("CreateAlias", {{"FunctionName", "f"}, {"Name", "live"}, {"FunctionVersion", "1"}});
  EXPECT_EQ(refused("DeleteFunction", {{"FunctionName", "f"}, {"Qualifier", "1"}}),
            "ResourceConflictException");
  call("DeleteFunction", {{"FunctionName", "f"}, {"Qualifier", "2"}});
  call("DeleteFunction", {{"FunctionName", "f"}});
  EXPECT_EQ(call("ListFunctions", {}).at("Functions").as_array().size(), 0U);
}

TEST_F(Functions, MovesAnAliasByWeights) {
  create("f");
  call("PublishVersion", {{"FunctionName", "f"}});
  call("UpdateFunctionConfiguration", {{"FunctionName", "f"}, {"Timeout", 5}});
  call("PublishVersion", {{"FunctionName", "f"}});
  call("CreateAlias", {{"FunctionName", "f"},
                       {"Name", "live"},
                       {"FunctionVersion", "1"},
                       {"RoutingConfig", {{"AdditionalVersionWeights", {{"2", 0.5}}}}}});
  std::map<std::string, int> versions;
  for (int i = 0; i < 100; ++i) {
    const auto reply = invoke({{"FunctionName", "f:live"}}, [](const json::object& payload) {
      EXPECT_EQ(text(payload, "InvokedFunctionArn"), std::string(account_arn) + "f:live");
      return returns("1");
    });
    ASSERT_TRUE(reply);
    ++versions[text(*reply, "ExecutedVersion")];
  }
  EXPECT_GT(versions["1"], 25);
  EXPECT_GT(versions["2"], 25);
  EXPECT_EQ(versions["1"] + versions["2"], 100);
}

TEST_F(Functions, KeepsTheArchivesOfDeletedLayers) {
  const json::object layer =
      call("PublishLayerVersion", {{"LayerName", "l"},
                                   {"Content", {{"ZipFile", zip_of("layer")}}},
                                   {"CompatibleRuntimes", {"python3.12"}}});
  EXPECT_EQ(number(layer, "Version"), 1);
  const std::string arn = text(layer, "LayerVersionArn");
  create("f", {{"Layers", {arn}}});
  call("DeleteLayerVersion", {{"LayerName", "l"}, {"VersionNumber", 1}});
  EXPECT_EQ(refused("GetLayerVersion", {{"LayerName", "l"}, {"VersionNumber", 1}}),
            "ResourceNotFoundException");
  const auto reply = invoke({{"FunctionName", "f"}}, [&](const json::object& payload) {
    const json::object& first = payload.at("Config").at("Layers").at(0).as_object();
    EXPECT_EQ(text(first, "Arn"), arn);
    EXPECT_EQ(text(first, "Digest").size(), 64U);
    return returns("1");
  });
  EXPECT_TRUE(reply);
  EXPECT_EQ(number(call("PublishLayerVersion",
                        {{"LayerName", "l"}, {"Content", {{"ZipFile", zip_of("layer")}}}}),
                   "Version"),
            2);
}

TEST_F(Functions, HasAPolicyOfStatements) {
  create("f");
  const json::object added =
      call("AddPermission", {{"FunctionName", "f"},
                             {"StatementId", "s"},
                             {"Action", "lambda:InvokeFunction"},
                             {"Principal", "events.amazonaws.com"},
                             {"SourceArn", "arn:aws:events:ap-northeast-1:000000000000:rule/r"}});
  EXPECT_EQ(*parse_json(text(added, "Statement")),
            (json::object{
                {"Sid", "s"},
                {"Effect", "Allow"},
                {"Principal", {{"Service", "events.amazonaws.com"}}},
                {"Action", "lambda:InvokeFunction"},
                {"Resource", std::string(account_arn) + "f"},
                {"Condition",
                 {{"ArnLike",
                   {{"AWS:SourceArn", "arn:aws:events:ap-northeast-1:000000000000:rule/r"}}}}}}));
  EXPECT_EQ(refused("AddPermission", {{"FunctionName", "f"},
                                      {"StatementId", "s"},
                                      {"Action", "lambda:InvokeFunction"},
                                      {"Principal", "*"}}),
            "ResourceConflictException");
  EXPECT_THAT(text(call("GetPolicy", {{"FunctionName", "f"}}), "Policy"),
              HasSubstr("\"Sid\":\"s\""));
  call("RemovePermission", {{"FunctionName", "f"}, {"StatementId", "s"}});
  EXPECT_EQ(refused("GetPolicy", {{"FunctionName", "f"}}), "ResourceNotFoundException");
}

}  // namespace
}  // namespace kiban::services::lambda
