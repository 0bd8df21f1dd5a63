"""LiteLLM's own client against a gateway: address and key are the arguments, what it got is printed as JSON."""

import json
import sys

from litellm.proxy.client import Client
from litellm.proxy.client.exceptions import NotFoundError, UnauthorizedError
from litellm.proxy.client.users import UsersManagementClient

address, master = sys.argv[1:]
client = Client(base_url=address, api_key=master)
users = UsersManagementClient(address, master)


def refused(error, act):
    try:
        act()
    except error as refusal:
        return type(refusal).__name__
    return "nothing was refused"


made = client.keys.generate(
    models=["m"], aliases={"mine": "m"}, spend=1.5, duration="24h", key_alias="from-python", config={}
)
own = Client(base_url=address, api_key=made["key"])
user = users.create_user({"user_id": "py", "user_email": "py@example.com", "user_role": "internal_user"})
report = {
    "made": {name: made[name] for name in ("key_alias", "models", "aliases", "spend", "key_name")},
    "listed": client.keys.list(size=5, key_alias="from-python", return_full_object=True)["keys"][0]["token"]
    == made["token"],
    "tokens": client.keys.list(key_hash=made["token"], include_team_keys=False)["keys"] == [made["token"]],
    "info": client.keys.info(made["token"])["info"]["key_alias"],
    "chat": own.chat.completions("m", [{"role": "user", "content": "Hello"}])["choices"][0]["message"]["content"],
    "models": [model["id"] for model in own.models.list()],
    "user": user["user_id"],
    "users": [one["user_id"] for one in users.list_users({"role": "internal_user"})],
    "found": users.get_user("py")["user_info"]["user_email"],
    "removed": users.delete_user(["py"]),
    "unknown": refused(NotFoundError, lambda: users.get_user("py")),
    "deleted": client.keys.delete(keys=[made["key"]]) == {"deleted_keys": [made["key"]]},
    "refused": refused(UnauthorizedError, lambda: own.keys.list()),
}
print(json.dumps(report))
