#include "cfn/type_lists.h"

namespace kiban::cfn {

const std::string_view access_types = R"([
{"Type":"AWS::IAM::Role","Service":"iam","TagId":"=@id","Known":["AssumeRolePolicyDocument","Description","ManagedPolicyArns","MaxSessionDuration","Path","PermissionsBoundary","Policies","RoleName"],"Replace":["RoleName","Path"],"Name":"RoleName","NameMax":64,
 "Create":[{"op":"CreateRole","in":{"RoleName":"=@name","AssumeRolePolicyDocument":"=json:AssumeRolePolicyDocument","Description":"=Description","Path":"=Path","MaxSessionDuration":"=int:MaxSessionDuration","PermissionsBoundary":"=PermissionsBoundary","Tags":"=Tags"}},
  {"op":"AttachRolePolicy","each":"ManagedPolicyArns","in":{"RoleName":"=@name","PolicyArn":"=@item"}},
  {"op":"PutRolePolicy","each":"Policies","in":{"RoleName":"=@name","PolicyName":"=@item.PolicyName","PolicyDocument":"=json:@item.PolicyDocument"}}],
 "Update":[{"op":"UpdateRole","in":{"RoleName":"=@id","Description":"=Description","MaxSessionDuration":"=int:MaxSessionDuration"}},
  {"op":"DetachRolePolicy","gone":"ManagedPolicyArns","in":{"RoleName":"=@id","PolicyArn":"=@item"},"ignore":["NoSuchEntity"]},
  {"op":"AttachRolePolicy","new":"ManagedPolicyArns","in":{"RoleName":"=@id","PolicyArn":"=@item"}},
  {"op":"DeleteRolePolicy","gone":"Policies","key":"PolicyName","in":{"RoleName":"=@id","PolicyName":"=@item.PolicyName"},"ignore":["NoSuchEntity"]},
  {"op":"UpdateAssumeRolePolicy","in":{"RoleName":"=@id","PolicyDocument":"=json:AssumeRolePolicyDocument"}},
  {"op":"PutRolePolicy","each":"Policies","in":{"RoleName":"=@id","PolicyName":"=@item.PolicyName","PolicyDocument":"=json:@item.PolicyDocument"}}],"Updates":["AssumeRolePolicyDocument","Policies","ManagedPolicyArns","Description","MaxSessionDuration"],
 "Delete":[{"op":"DeleteRolePolicy","each":"Policies","in":{"RoleName":"=@id","PolicyName":"=@item.PolicyName"},"ignore":["NoSuchEntity"]},
  {"op":"DetachRolePolicy","each":"ManagedPolicyArns","in":{"RoleName":"=@id","PolicyArn":"=@item"},"ignore":["NoSuchEntity"]},
  {"op":"DeleteRole","in":{"RoleName":"=@id"},"ignore":["NoSuchEntity"]}],
 "Id":"=@name","Attributes":{"Arn":"=@reply.Role.Arn","RoleId":"=@reply.Role.RoleId"}},
{"Type":"AWS::IAM::Policy","Service":"iam","Known":["PolicyDocument","PolicyName","Roles"],"Replace":["PolicyName"],
 "Create":[{"op":"PutRolePolicy","each":"Roles","in":{"RoleName":"=@item","PolicyName":"=PolicyName","PolicyDocument":"=json:PolicyDocument"}}],
 "Update":[{"op":"DeleteRolePolicy","gone":"Roles","in":{"RoleName":"=@item","PolicyName":"=PolicyName"},"ignore":["NoSuchEntity"]},
  {"op":"PutRolePolicy","each":"Roles","in":{"RoleName":"=@item","PolicyName":"=PolicyName","PolicyDocument":"=json:PolicyDocument"}}],"Updates":["PolicyDocument","Roles"],
 "Delete":[{"op":"DeleteRolePolicy","each":"Roles","in":{"RoleName":"=@item","PolicyName":"=PolicyName"},"ignore":["NoSuchEntity"]}],
 "Id":"=@generated","Attributes":{"Id":"=@id"}},
{"Type":"AWS::IAM::ManagedPolicy","Service":"iam","Known":["Description","ManagedPolicyName","Path","PolicyDocument"],"Replace":["ManagedPolicyName","Path","Description"],"Update":[{"op":"CreatePolicyVersion","in":{"PolicyArn":"=@id","PolicyDocument":"=json:PolicyDocument","SetAsDefault":true}}],"Updates":["PolicyDocument"],"Name":"ManagedPolicyName","NameMax":128,
 "Create":[{"op":"CreatePolicy","in":{"PolicyName":"=@name","Path":"=Path","Description":"=Description","PolicyDocument":"=json:PolicyDocument"}}],
 "Delete":[{"op":"DeletePolicy","in":{"PolicyArn":"=@id"},"ignore":["NoSuchEntity"]}],"Id":"=@reply.Policy.Arn","Attributes":{"PolicyArn":"=@id"}},
{"Type":"AWS::KMS::Key","Service":"kms","TagId":"=@id","Known":["KeyPolicy","Description","EnableKeyRotation"],"Replace":[],"Update":[{"op":"PutKeyPolicy","when":"KeyPolicy","in":{"KeyId":"=@id","PolicyName":"default","Policy":"=json:KeyPolicy"}},{"op":"UpdateKeyDescription","when":"Description","in":{"KeyId":"=@id","Description":"=Description"}}],"Updates":["KeyPolicy","Description"],
 "Create":[{"op":"CreateKey","in":{"Policy":"=json:KeyPolicy","Description":"=Description","Tags":"=kmstags:Tags"}},{"op":"EnableKeyRotation","when":"EnableKeyRotation","in":{"KeyId":"=@id"}}],
 "Delete":[{"op":"ScheduleKeyDeletion","in":{"KeyId":"=@id"},"ignore":["NotFoundException"]}],"Id":"=@reply.KeyMetadata.KeyId","Attributes":{"Arn":"=@reply.KeyMetadata.Arn","KeyId":"=@id"}},
{"Type":"AWS::KMS::Alias","Service":"kms","Known":["AliasName","TargetKeyId"],"Replace":["AliasName"],"Update":[{"op":"UpdateAlias","in":{"AliasName":"=@id","TargetKeyId":"=TargetKeyId"}}],"Updates":["TargetKeyId"],
 "Create":[{"op":"CreateAlias","in":{"AliasName":"=AliasName","TargetKeyId":"=TargetKeyId"}}],
 "Delete":[{"op":"DeleteAlias","in":{"AliasName":"=@id"},"ignore":["NotFoundException"]}],"Id":"=AliasName","Attributes":{}},
{"Type":"AWS::SSM::Parameter","Service":"ssm","TagId":"=@id","TagMap":true,"Known":["Type","Name","Value","Description"],"Replace":["Name"],"Name":"Name","NameMax":1011,
 "Create":[{"op":"PutParameter","in":{"Name":"=@name","Type":"=Type","Value":"=str:Value","Description":"=Description","Tags":"=taglist:Tags"}}],
 "Update":[{"op":"PutParameter","in":{"Name":"=@id","Type":"=Type","Value":"=str:Value","Description":"=Description","Overwrite":true}}],"Updates":["Value","Type","Description"],
 "Delete":[{"op":"DeleteParameter","in":{"Name":"=@id"},"ignore":["ParameterNotFound"]}],"Id":"=@name","Attributes":{"Type":"=Type","Value":"=Value"}}
])";

}  // namespace kiban::cfn
