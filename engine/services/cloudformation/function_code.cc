#include "services/cloudformation/function_code.h"

#include <string>

#include "api/codec.h"
#include "core/zip.h"

namespace kiban::services::cloudformation {
namespace {

// By which functions of custom resources answer; what it does is documented, the code is ours.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-lambda-function-code-cfnresponsemodule.html
constexpr std::string_view python_response = R"(import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    body = json.dumps(
        {
            "Status": responseStatus,
            "Reason": reason or f"See the details in CloudWatch Log Stream: {context.log_stream_name}",
            "PhysicalResourceId": physicalResourceId or context.log_stream_name,
            "StackId": event["StackId"],
            "RequestId": event["RequestId"],
            "LogicalResourceId": event["LogicalResourceId"],
            "NoEcho": noEcho,
            "Data": responseData,
        }
    ).encode()
    request = urllib.request.Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    try:
        with urllib.request.urlopen(request) as response:
            print("Status code:", response.status)
    except OSError as error:
        print("send(..) failed:", error)
)";
constexpr std::string_view node_response = R"(exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';
exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) => {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const url = new URL(event.ResponseURL);
  const { request } = require(url.protocol === 'http:' ? 'http' : 'https');
  return new Promise((resolve) => {
    const sent = request(
      url,
      { method: 'PUT', headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } },
      (response) => {
        console.log(`Status code: ${response.statusCode}`);
        response.resume();
        resolve();
        context.done();
      },
    );
    sent.on('error', (error) => {
      console.log(`send(..) failed: ${error}`);
      resolve();
      context.done();
    });
    sent.end(body);
  });
};
)";

std::string packed(const std::string& source, const std::string& runtime) {
  if (runtime.starts_with("nodejs"))
    return make_zip({{"index.js", source}, {"cfn-response.js", std::string(node_response)}});
  return make_zip({{"index.py", source}, {"cfnresponse.py", std::string(python_response)}});
}

}  // namespace

json::object function_code(const json::object& properties) {
  const json::object* given = find_object(properties, "Code");
  json::object code = given ? *given : json::object{};
  if (code.contains("ZipFile"))
    code["ZipFile"] =
        api::encode_base64(packed(text(code, "ZipFile"), text(properties, "Runtime")));
  const std::string package = code.contains("ImageUri") ? "Image" : "Zip";
  return {{"Code", std::move(code)}, {"PackageType", text(properties, "PackageType", package)}};
}

}  // namespace kiban::services::cloudformation
