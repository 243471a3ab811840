#include "api/codec.h"

#include <gmock/gmock.h>

#include "api/checksums.h"
#include "api/validate.h"
#include "core/utf8.h"

namespace kiban::api {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

HttpRequest json_request(std::string target, std::string body) {
  return {.headers = {{"X-Amz-Target", std::move(target)},
                      {"Content-Type", "application/x-amz-json-1.1"}},
          .body = std::move(body)};
}

std::string authorization(std::string_view service) {
  return "AWS4-HMAC-SHA256 Credential=AKID/20261124/ap-northeast-1/" + std::string(service) +
         "/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
}

HttpRequest form_request(std::string_view service, std::string body) {
  return {.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"},
                      {"authorization", authorization(service)}},
          .body = std::move(body)};
}

HttpRequest s3_request(std::string method, std::string path, std::string query = {},
                       std::string body = {}) {
  return {.method = std::move(method),
          .path = std::move(path),
          .query = std::move(query),
          .headers = {{"authorization", authorization("s3")}},
          .body = std::move(body)};
}

json::object decoded(const HttpRequest& request) {
  const auto result = decode(request, identify(request));
  EXPECT_TRUE(result) << result.error().name << ": " << result.error().cause;
  return result ? result->input : json::object{};
}

Error refused(const HttpRequest& request) {
  const auto result = decode(request, identify(request));
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

TEST(Model, FindsServicesByEveryName) {
  EXPECT_EQ(find_service("ssm"), find_service_by_target_prefix("AmazonSSM"));
  EXPECT_EQ(find_service("sts"), find_service_by_signing_name("sts"));
  EXPECT_EQ(find_service("sts"), find_service_by_signing_name("sts", "2011-06-15"));
  EXPECT_EQ(find_service("secretsmanager"), find_service_by_sdk_name("secretsmanager"));
  EXPECT_EQ(find_service("logs"), find_service_by_sdk_name("cloudwatchlogs"));
  EXPECT_EQ(find_service("batch"), nullptr);
  const Service& sts = *find_service("sts");
  EXPECT_NE(sts.operation("AssumeRole"), nullptr);
  EXPECT_EQ(sts.operation("GetSessionToken"), nullptr);
  EXPECT_TRUE(sts.has_operation("GetSessionToken"));
  EXPECT_FALSE(sts.has_operation("MakeTea"));
}

TEST(Json, DecodesByTheModel) {
  const auto input =
      decoded(json_request("AmazonSSM.GetParameter",
                           R"({"Name": "/a", "WithDecryption": true, "Other": 1, "X": null})"));
  EXPECT_EQ(input, (json::object{{"Name", "/a"}, {"WithDecryption", true}}));
  EXPECT_EQ(decoded(json_request("AmazonSSM.GetParameter", "")), json::object{});
}

TEST(Json, RefusesWhatHasAnotherKind) {
  const auto cause = [](std::string body) {
    const Error error = refused(json_request("AmazonSSM.GetParameter", std::move(body)));
    EXPECT_EQ(error.name, "SerializationException");
    return error.cause;
  };
  EXPECT_EQ(cause(R"({"Name": 1})"), "NUMBER_VALUE can not be converted to a String");
  EXPECT_EQ(cause(R"({"Name": []})"), "Start of list found where not expected");
  EXPECT_EQ(cause(R"({"WithDecryption": "yes"})"),
            "STRING_VALUE can not be converted to a Boolean");
  EXPECT_THAT(cause(R"({"Name": )"), HasSubstr("line 1"));
  EXPECT_THAT(cause("[1]"), HasSubstr("must be a JSON object"));
}

TEST(Json, NamesUnknownOperations) {
  const Error unknown = refused(json_request("AmazonSSM.MakeTea", "{}"));
  EXPECT_EQ(unknown.name, "UnknownOperationException");
  EXPECT_THAT(unknown.cause, HasSubstr("MakeTea"));
  const Error unserved = refused(json_request("AmazonSSM.SendCommand", "{}"));
  EXPECT_EQ(unserved, (Error{"UnknownOperationException", "kiban does not serve ssm:SendCommand"}));
  EXPECT_EQ(refused(json_request("Nobody.Does", "{}")).name, "UnknownOperationException");
}

TEST(Json, AnswersInTheVersionOfTheRequest) {
  const Wire wire = identify(json_request("AmazonSSM.GetParameter", "{}"));
  const auto response = encode_reply(
      wire, {{"Parameter", {{"Name", "/a"}, {"LastModifiedDate", 1700000000.5}, {"Unknown", 1}}}},
      "id-1");
  EXPECT_EQ(response.status, 200U);
  EXPECT_EQ(header_of(response, "Content-Type"), "application/x-amz-json-1.1");
  EXPECT_EQ(header_of(response, "x-amzn-RequestId"), "id-1");
  EXPECT_EQ(response.body, R"({"Parameter":{"Name":"/a","LastModifiedDate":1.7000000005E9}})");
}

TEST(Json, ErrorsCarryTheirType) {
  const Wire wire = identify(json_request("AmazonSSM.GetParameter", "{}"));
  const auto response = encode_error(wire, {"ParameterNotFound", "no such"}, "id-1");
  EXPECT_EQ(response.status, 400U);
  EXPECT_EQ(response.body, R"({"__type":"ParameterNotFound","message":"no such"})");
  EXPECT_EQ(encode_error(wire, {"AccessDenied", "no"}, "id").body,
            R"({"__type":"AccessDeniedException","Message":"no"})");
  EXPECT_EQ(encode_error(wire, {"InternalFailure", "oh"}, "id").status, 500U);
}

TEST(Query, DecodesListsMapsAndStructures) {
  const auto input = decoded(form_request(
      "sts",
      "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa+b&"
      "DurationSeconds=900&Tags.member.2.Key=k2&Tags.member.2.Value=v2&Tags.member.10.Key=k10&"
      "Tags.member.10.Value=&TransitiveTagKeys="));
  EXPECT_EQ(
      input,
      (json::object{{"RoleArn", "arn:aws:iam::1:role/a b"},
                    {"DurationSeconds", 900},
                    {"Tags", {{{"Key", "k2"}, {"Value", "v2"}}, {{"Key", "k10"}, {"Value", ""}}}},
                    {"TransitiveTagKeys", json::array{}}}));
}

TEST(Query, RefusesBadInput) {
  EXPECT_EQ(refused(form_request("sts", "Action=AssumeRole&DurationSeconds=soon")).name,
            "MalformedInput");
  EXPECT_EQ(refused(form_request("sts", "Action=AssumeRole&RoleArn=%4")).name,
            "MalformedQueryString");
  const Error unknown = refused(form_request("sts", "Action=MakeTea&Version=2011-06-15"));
  EXPECT_EQ(unknown,
            (Error{"InvalidAction", "Could not find operation MakeTea for version 2011-06-15"}));
}

TEST(Query, AnswersInXml) {
  const Wire wire = identify(form_request("sts", "Action=GetCallerIdentity&Version=2011-06-15"));
  const auto response =
      encode_reply(wire, {{"UserId", "1"}, {"Account", "000000000000"}, {"Arn", "a<b>&"}}, "id-1");
  EXPECT_EQ(response.body,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
            "<GetCallerIdentityResult><UserId>1</UserId><Account>000000000000</Account>"
            "<Arn>a&lt;b&gt;&amp;</Arn></GetCallerIdentityResult><ResponseMetadata>"
            "<RequestId>id-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>");
  const auto error = encode_error(wire, {"AccessDeniedException", "no"}, "id-2");
  EXPECT_EQ(error.status, 403U);
  EXPECT_THAT(error.body, HasSubstr("<Type>Sender</Type><Code>AccessDenied</Code>"));
  EXPECT_THAT(error.body, HasSubstr("<RequestId>id-2</RequestId>"));
}

TEST(Query, TimestampsAreIso) {
  const Wire wire = identify(form_request("sts", "Action=AssumeRole&Version=2011-06-15"));
  const auto response = encode_reply(wire, {{"Credentials", {{"Expiration", 1700000000.0}}}}, "id");
  EXPECT_THAT(response.body, HasSubstr("<Expiration>2023-11-14T22:13:20.000Z</Expiration>"));
}

TEST(QueryCompatible, SqsSpeaksBoth) {
  const HttpRequest json = json_request("AmazonSQS.CreateQueue",
                                        R"({"QueueName":"q","Attributes":{"DelaySeconds":"1"}})");
  const HttpRequest form = form_request(
      "sqs",
      "Action=CreateQueue&Version=2012-11-05&QueueName=q&Attribute.1.Name=DelaySeconds&"
      "Attribute.1.Value=1");
  EXPECT_EQ(decoded(json), decoded(form));
  const Error missing{"QueueDoesNotExist", "no queue"};
  const auto json_error = encode_error(identify(json), missing, "id");
  EXPECT_EQ(header_of(json_error, "x-amzn-query-error"),
            "AWS.SimpleQueueService.NonExistentQueue;Sender");
  EXPECT_THAT(json_error.body, HasSubstr(R"("__type":"QueueDoesNotExist")"));
  EXPECT_THAT(encode_error(identify(form), missing, "id").body,
              HasSubstr("<Code>AWS.SimpleQueueService.NonExistentQueue</Code>"));
}

TEST(QueryCompatible, SqsMessagesInXmlHaveTheirOldNames) {
  const Wire wire = identify(form_request("sqs", "Action=ReceiveMessage&Version=2012-11-05"));
  const auto response = encode_reply(
      wire,
      {{"Messages", {{{"Body", "b"}, {"Attributes", {{"SentTimestamp", "1"}}}}, {{"Body", "c"}}}}},
      "id");
  EXPECT_THAT(response.body,
              HasSubstr("<Message><Body>b</Body><Attribute><Name>SentTimestamp</Name>"
                        "<Value>1</Value></Attribute></Message><Message><Body>c</Body></Message>"));
}

TEST(S3, TellsOperationsApart) {
  const auto operation = [](const HttpRequest& request) {
    return identify(request).operation_name;
  };
  EXPECT_EQ(operation(s3_request("GET", "/")), "ListBuckets");
  EXPECT_EQ(operation(s3_request("GET", "/b", "list-type=2&prefix=x")), "ListObjectsV2");
  EXPECT_EQ(operation(s3_request("GET", "/b")), "ListObjects");
  EXPECT_EQ(operation(s3_request("GET", "/b/")), "ListObjects");
  EXPECT_EQ(operation(s3_request("GET", "/b", "location")), "GetBucketLocation");
  EXPECT_EQ(operation(s3_request("GET", "/b", "encryption=")), "GetBucketEncryption");
  EXPECT_EQ(operation(s3_request("PUT", "/b/a/b%20c", "x-id=PutObject")), "PutObject");
  EXPECT_EQ(operation(s3_request("PUT", "/b/k", "partNumber=1&uploadId=u")), "UploadPart");
  EXPECT_EQ(operation(s3_request("GET", "/b", "cors")), "GetBucketCors");
  HttpRequest copy = s3_request("PUT", "/b/k");
  copy.headers.emplace_back("x-amz-copy-source", "/b/other");
  EXPECT_EQ(operation(copy), "CopyObject");
}

TEST(S3, DecodesEveryPlace) {
  HttpRequest request = s3_request("PUT", "/b/a/b%20c%2B", "x-id=PutObject", "bytes");
  request.headers.emplace_back("X-Amz-Meta-Colour", "red");
  request.headers.emplace_back("Content-Type", "text/plain");
  const auto result = decode(request, identify(request));
  ASSERT_TRUE(result) << result.error().cause;
  EXPECT_EQ(result->input, (json::object{{"Bucket", "b"},
                                         {"Key", "a/b c+"},
                                         {"ContentType", "text/plain"},
                                         {"Metadata", {{"colour", "red"}}}}));
  EXPECT_EQ(result->bulk_member, "Body");
}

TEST(S3, ABodyThatIsNotWhatItsHeaderSaysIsRefused) {
  constexpr std::string_view body = "<Delete><Object><Key>a</Key></Object></Delete>";
  for (const auto& [name, good] :
       {std::pair{"content-md5", "MD5"}, std::pair{"x-amz-checksum-sha256", "SHA"}}) {
    HttpRequest request = s3_request("POST", "/b", "delete", std::string(body));
    request.headers.emplace_back(name, good);
    EXPECT_EQ(refused(request).name, "BadDigest");
    request.headers.back().second = request.headers.back().second == "MD5"
                                        ? "aFPqFnlCon58cZ4Qt7zwvQ=="
                                        : checksum_of(ChecksumKind::Sha256, body);
    EXPECT_TRUE(decode(request, identify(request)));
  }
}

TEST(S3, BodiesThatNeedNotBeInMemory) {
  EXPECT_TRUE(takes_bulk(identify(s3_request("PUT", "/b/k"))));
  EXPECT_TRUE(takes_bulk(identify(s3_request("PUT", "/b/k", "partNumber=1&uploadId=u"))));
  EXPECT_FALSE(takes_bulk(identify(s3_request("GET", "/b/k"))));
  EXPECT_FALSE(takes_bulk(identify(s3_request("PUT", "/b"))));
  EXPECT_FALSE(takes_bulk(identify(s3_request("POST", "/b", "delete"))));
}

TEST(S3, DecodesXmlBodies) {
  const auto input = decoded(s3_request(
      "POST", "/b", "delete",
      "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key>a</Key></Object>"
      "<Object><Key>b</Key></Object><Quiet>true</Quiet></Delete>"));
  EXPECT_EQ(
      input,
      (json::object{{"Bucket", "b"},
                    {"Delete", {{"Objects", {{{"Key", "a"}}, {{"Key", "b"}}}}, {"Quiet", true}}}}));
  EXPECT_EQ(refused(s3_request("POST", "/b", "delete", "<Delete><Obj")).name, "MalformedXML");
}

TEST(S3, AnswersInHeadersAndBulk) {
  const Wire wire = identify(s3_request("GET", "/b/k"));
  const auto response = encode_reply(wire,
                                     {{"Body", {{"Digest", "ab"}, {"Size", 7}}},
                                      {"ETag", "\"x\""},
                                      {"ContentLength", 7},
                                      {"LastModified", 1700000000.0},
                                      {"Metadata", {{"colour", "red"}}}},
                                     "id");
  EXPECT_EQ(response.bulk, (std::vector{Bulk{.digest = "ab", .offset = 0, .size = 7}}));
  const auto pieces = encode_reply(
      wire, {{"Body", {{"Pieces", {{{"Digest", "ab"}, {"Size", 7}}, {{"Digest", "cd"}}}}}}}, "id");
  EXPECT_EQ(pieces.bulk, (std::vector{Bulk{.digest = "ab", .size = 7}, Bulk{.digest = "cd"}}));
  EXPECT_EQ(header_of(response, "ETag"), "\"x\"");
  EXPECT_EQ(header_of(response, "Last-Modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
  EXPECT_EQ(header_of(response, "x-amz-meta-colour"), "red");
}

TEST(S3, AnswersInXml) {
  const auto list = encode_reply(
      identify(s3_request("GET", "/b", "list-type=2")),
      {{"Name", "b"}, {"Contents", {{{"Key", "a"}, {"Size", 3}}, {{"Key", "b"}, {"Size", 4}}}}},
      "id");
  EXPECT_THAT(list.body,
              HasSubstr("<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                        "<Contents><Key>a</Key><Size>3</Size></Contents><Contents>"));
  const auto location = encode_reply(identify(s3_request("GET", "/b", "location")),
                                     {{"LocationConstraint", "ap-northeast-1"}}, "id");
  EXPECT_THAT(location.body, HasSubstr(">ap-northeast-1</LocationConstraint>"));
  EXPECT_THAT(location.body, Not(HasSubstr("GetBucketLocationResult")));
}

TEST(S3, ErrorsInXmlButNotForHead) {
  const Error missing{"NoSuchKey", "The specified key does not exist."};
  const auto get = encode_error(identify(s3_request("GET", "/b/k")), missing, "id");
  EXPECT_EQ(get.status, 404U);
  EXPECT_THAT(get.body, HasSubstr("<Code>NoSuchKey</Code>"));
  EXPECT_THAT(get.body, HasSubstr("<Resource>/b/k</Resource>"));
  const auto head = encode_error(identify(s3_request("HEAD", "/b/k")), missing, "id");
  EXPECT_EQ(head.status, 404U);
  EXPECT_TRUE(head.body.empty());
  const auto unserved = refused(s3_request("GET", "/b/k", "torrent"));
  EXPECT_THAT(unserved.cause, HasSubstr("s3:GetObjectTorrent"));
  EXPECT_EQ(encode_error(identify(s3_request("GET", "/b/k", "torrent")), unserved, "id").status,
            501U);
}

TEST(S3, APageInABucketDoesNotRunAsTheServers) {
  const Wire wire = identify(s3_request("GET", "/b/k"));
  const auto page = encode_reply(wire, {{"ContentType", "text/html"}}, "id");
  EXPECT_EQ(header_of(page, "Content-Security-Policy"), "sandbox");
  EXPECT_EQ(header_of(page, "X-Content-Type-Options"), "nosniff");
  const auto other = encode_reply(wire, {{"ContentType", "text/plain"}}, "id");
  EXPECT_EQ(header_of(other, "Content-Security-Policy"), "");
}

TEST(S3, TheRegionOfABucketIsToldToWhoSignedForAnother) {
  const Error wrong{"AuthorizationHeaderMalformed",
                    "The authorization header is malformed; the region 'us-east-1' is wrong; "
                    "expecting 'eu-west-1'"};
  const auto get = encode_error(identify(s3_request("GET", "/b/k")), wrong, "id");
  EXPECT_EQ(get.status, 400U);
  EXPECT_THAT(get.body, HasSubstr("<Region>eu-west-1</Region>"));
  EXPECT_EQ(header_of(get, "x-amz-bucket-region"), "eu-west-1");
}

TEST(Query, ErrorsAreXmlWhateverTheRequestHeld) {
  const Wire wire{.service = find_service("iam"), .protocol = Protocol::Query};
  for (const std::string& text :
       {std::string("a\0b", 3), std::string("a\x1f"), std::string("\xff")}) {
    const auto reply = encode_error(wire, {"ValidationError", "Value '" + text + "'"}, "id");
    EXPECT_EQ(reply.body.find("&#x"), std::string::npos) << reply.body;
    EXPECT_THAT(reply.body, AnyOf(HasSubstr("?"), HasSubstr("\xef\xbf\xbd")));  // U+FFFD.
    EXPECT_EQ(reply.body.find('\xff'), std::string::npos);
  }
  EXPECT_THAT(encode_error(wire, {"ValidationError", "\xe3\x81\x82"}, "id").body,
              HasSubstr("\xe3\x81\x82"));
}

TEST(Encoding, Base64AndUri) {
  for (const std::string_view text : {"", "a", "ab", "abc", "\xff\x00\x10"}) {
    EXPECT_EQ(decode_base64(encode_base64(text)).value(), text);
  }
  EXPECT_EQ(encode_base64("ab"), "YWI=");
  EXPECT_FALSE(decode_base64("a"));
  EXPECT_FALSE(decode_base64("a-b_"));
  EXPECT_EQ(encode_uri("a b/~\xe3\x81\x82", "/"), "a%20b/~%E3%81%82");
  EXPECT_EQ(decode_uri("a+%2B", Plus::IsSpace).value(), "a +");
  EXPECT_EQ(decode_uri("a+%2b").value(), "a++");
  EXPECT_FALSE(decode_uri("%"));
  EXPECT_FALSE(decode_uri("%g0"));
}

Result<void> check(std::string_view service, std::string_view operation,
                   const json::object& input) {
  const Service& found = *find_service(service);
  return validate(found, *found.operation(operation), input);
}

TEST(Validate, GivesAwsTexts) {
  EXPECT_TRUE(check("ssm", "GetParameter", {{"Name", "/a"}}));
  EXPECT_EQ(check("ssm", "GetParameter", {}).error(),
            (Error{"ValidationException",
                   "1 validation error detected: Value null at 'name' failed to satisfy "
                   "constraint: Member must not be null"}));
  EXPECT_EQ(check("ssm", "GetParametersByPath", {{"Path", "/"}, {"MaxResults", 11}}).error().cause,
            "1 validation error detected: Value '11' at 'maxResults' failed to satisfy constraint: "
            "Member must have value less than or equal to 10");
  EXPECT_EQ(
      check("sts", "AssumeRole",
            {{"RoleArn", "arn:aws:iam::000000000000:role/x"}, {"RoleSessionName", "a b"}})
          .error(),
      (Error{"ValidationError",
             "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy "
             "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"}));
  EXPECT_EQ(
      check("ssm", "PutParameter", {{"Name", "a"}, {"Value", "v"}, {"Type", "Text"}}).error().cause,
      "1 validation error detected: Value 'Text' at 'type' failed to satisfy constraint: "
      "Member must satisfy enum value set: [String, StringList, SecureString]");
  const auto two = check("iam", "GetRole", {{"RoleName", ""}});
  EXPECT_THAT(two.error().cause, HasSubstr("2 validation errors detected: "));
  EXPECT_EQ(check("sqs", "CreateQueue", {}).error(),
            (Error{"MissingParameter", "The request must contain the parameter QueueName"}));
}

// --- Text --------------------------------------------------------------------------------------

// Not UTF-8: a stray byte, a surrogate, an overlong '/', beyond U+10FFFF, a cut character.
constexpr const char* not_utf8[] = {"%FF", "%ED%A0%80", "%C0%AF", "%F4%90%80%80", "%E3%81"};

std::string bytes_of(std::string_view encoded) { return decode_uri(encoded).value(); }

TEST(Text, IsUtf8InForms) {
  for (const std::string bad : not_utf8) {
    for (const std::string& body : {"Action=GetRole&Version=2010-05-08&RoleName=a" + bad,
                                    "Action=GetRole&Version=2010-05-08&RoleName=a&X" + bad + "=b",
                                    "Action=GetRole&Version=2010-05-08&RoleName=a" + bytes_of(bad)})
      EXPECT_EQ(refused(form_request("iam", body)).name, "MalformedQueryString") << body;
    EXPECT_EQ(
        refused(form_request("ec2", "Action=DescribeVpcs&Version=2016-11-15&VpcId.1=" + bad)).name,
        "MalformedQueryString");
  }
  EXPECT_EQ(decoded(form_request("iam", "Action=GetRole&Version=2010-05-08&RoleName=%E3%81%82")),
            (json::object{{"RoleName", "\xe3\x81\x82"}}));
}

TEST(Text, IsUtf8InPathsQueriesAndHeaders) {
  for (const std::string bad : not_utf8) {
    EXPECT_EQ(refused(s3_request("GET", "/bucket/a" + bad)).name, "InvalidURI");
    EXPECT_EQ(refused(s3_request("GET", "/bucket", "list-type=2&prefix=" + bad)).name,
              "MalformedQueryString");
    for (const char* name : {"x-amz-meta-a", "x-amz-tagging", "Content-Type"}) {
      HttpRequest request = s3_request("PUT", "/bucket/key");
      request.headers.emplace_back(name, bytes_of(bad));
      EXPECT_EQ(refused(request).name, "InvalidArgument") << name;
    }
    // A payload that is a text, not a structure.
    EXPECT_EQ(refused(s3_request("PUT", "/bucket", "policy", bytes_of(bad))).name,
              "InvalidArgument");
  }
  EXPECT_EQ(decoded(s3_request("GET", "/bucket/%E3%81%82")).at("Key"), "\xe3\x81\x82");
}

TEST(Text, IsOfCharactersThatXmlAllows) {
  const auto tagging = [](std::string_view value) {
    return s3_request("PUT", "/bucket", "tagging",
                      "<Tagging><TagSet><Tag><Key>k</Key><Value>" + std::string(value) +
                          "</Value></Tag></TagSet></Tagging>");
  };
  for (const std::string bad : not_utf8)
    EXPECT_EQ(refused(tagging(bytes_of(bad))).name, "MalformedXML") << bad;
  for (const std::string_view bad :
       {"&#55296;", "&#xDFFF;", "&#xD83D;&#xDE00;", "&#0;", "&#x1;", "&#31;", "&#xFFFE;",
        "&#1114112;", "&#x110000;", "&#99999999999;", "&#;", "&#x;", "&#12", "&#-1;", "\x01",
        "\xef\xbf\xbf", "<!-- -->&#55296;", "<![CDATA[x]]>&#55296;", "<![CDATA[\x02]]>"})
    EXPECT_EQ(refused(tagging(bad)).name, "MalformedXML") << bad;
  for (const auto& [written, read] : std::initializer_list<std::pair<const char*, const char*>>{
           {"&#65;&#x42;", "AB"},
           {"&#x1F600;", "\xf0\x9f\x98\x80"},
           {"&lt;&amp;", "<&"},
           {"a&#10;b&#13;", "a\nb\r"},
           {"<![CDATA[&#55296;]]>", "&#55296;"},
           {"\xe3\x81\x82", "\xe3\x81\x82"}})
    EXPECT_EQ(decoded(tagging(written)).at("Tagging").at("TagSet").at(0).at("Value"), read);
  const std::string type = "<!DOCTYPE a [<!ENTITY e 'x'>]>";
  EXPECT_EQ(refused(s3_request("PUT", "/bucket", "tagging", type + "<Tagging/>")).name,
            "MalformedXML");
}

TEST(Text, IsUtf8InJson) {
  for (const std::string bad : not_utf8)
    EXPECT_EQ(
        refused(json_request("AmazonSSM.GetParameter", "{\"Name\":\"" + bytes_of(bad) + "\"}"))
            .name,
        "SerializationException");
  for (const std::string_view bad : {"\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x", "\\ud83d"})
    EXPECT_EQ(
        refused(json_request("AmazonSSM.GetParameter", "{\"Name\":\"" + std::string(bad) + "\"}"))
            .name,
        "SerializationException")
        << bad;
}

TEST(Text, IsUtf8InCbor) {
  const auto alarm = [](std::string body) {
    return HttpRequest{.path = "/service/GraniteServiceVersion20100801/operation/DeleteDashboards",
                       .headers = {{"smithy-protocol", "rpc-v2-cbor"}},
                       .body = std::move(body)};
  };
  const std::string key =
      "\xa1\x6e"
      "DashboardNames";
  EXPECT_EQ(decoded(alarm(key + "\x81\x62"
                                "ab")),
            (json::object{{"DashboardNames", json::array{"ab"}}}));
  for (const std::string& bad :
       {key + "\x81\x61\xff", key + "\x81\x63\xed\xa0\x80",
        key + "\x81\x7f\x61\xe3\x62\x81\x82\xff",  // A character over two pieces.
        std::string("\xa1\x61\xff\x01"),
        std::string("\xa1\x41"
                    "a\x01")})
    EXPECT_EQ(refused(alarm(bad)).name, "SerializationException");
}

TEST(Text, IsUtf8InErrorsThatQuoteIt) {
  for (const HttpRequest& request :
       {s3_request("GET", "/bucket/%FF"), form_request("iam", "Action=%FF&Version=2010-05-08"),
        json_request("AmazonSSM.\xff", "{}")}) {
    const Wire wire = identify(request);
    const HttpResponse reply = encode_error(wire, {"ValidationError", "not \xff good"}, "id");
    EXPECT_TRUE(is_utf8(reply.body)) << reply.body;
    EXPECT_TRUE(is_utf8(encode_error(wire, refused(request), "id").body));
  }
}

TEST(Validate, LooksInsideListsAndMaps) {
  EXPECT_EQ(
      check("ssm", "PutParameter", {{"Name", "a"}, {"Value", "v"}, {"Tags", {{{"Key", "k"}}}}})
          .error()
          .cause,
      "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy "
      "constraint: Member must not be null");
}

// One request to a service that is not served, in each protocol.
TEST(Codec, AServiceThatIsNotServedIsNamed) {
  const auto rest = [](std::string_view service, std::string path) {
    return HttpRequest{.method = "GET",
                       .path = std::move(path),
                       .headers = {{"authorization", authorization(service)}}};
  };
  const auto expect = [](const HttpRequest& request, Protocol protocol, std::string_view name) {
    const Wire wire = identify(request);
    EXPECT_EQ(wire.protocol, protocol) << name;
    EXPECT_EQ(refused(request).name, "UnknownOperationException");
    EXPECT_THAT(refused(request).cause, HasSubstr("kiban does not serve " + std::string(name)));
  };
  expect(json_request("DynamoDB_20120810.ListTables", "{}"), Protocol::Json,
         "DynamoDB (operation ListTables)");
  expect(json_request("AWSGlue.GetTables", "{}"), Protocol::Json, "Glue (operation GetTables)");
  expect(rest("batch", "/v1/listjobs"), Protocol::RestJson, "Batch (operation GET /v1/listjobs)");
  expect(rest("route53", "/2013-04-01/hostedzone"), Protocol::RestXml, "Route 53");
  expect(rest("apigateway", "/restapis"), Protocol::RestJson, "API Gateway or ApiGatewayV2");
  expect(form_request("elasticloadbalancing", "Action=DescribeLoadBalancers&Version=2012-06-01"),
         Protocol::Query, "Elastic Load Balancing (operation DescribeLoadBalancers)");
  expect(form_request("autoscaling", "Action=DescribeAutoScalingGroups&Version=2011-01-01"),
         Protocol::Query, "Auto Scaling (operation DescribeAutoScalingGroups)");
  HttpRequest control = s3_request("GET", "/v20180820/configuration/publicAccessBlock");
  control.headers.emplace_back("x-amz-account-id", "000000000000");
  expect(control, Protocol::RestXml, "S3 Control");
  HttpRequest cbor{.path = "/service/SomeService/operation/Act",
                   .headers = {{"smithy-protocol", "rpc-v2-cbor"},
                               {"authorization", authorization("somesigner")}}};
  expect(cbor, Protocol::RpcV2Cbor, "somesigner (operation Act)");
}

}  // namespace
}  // namespace kiban::api
