# Backups of Consul's keys, prepared queries and ACLs, in the place of consul-snapshot, as a Nomad job:
#
#   nomad var put nomad/jobs/consul-snapshot consul_token=… aws_access_key_id=… aws_secret_access_key=… crypto_password=…
#   nomad job run consul-snapshot.nomad.hcl
#
# Secrets come out of that Nomad variable; a template for Vault is beside it. The token needs
#
#   acl = "write"
#   key_prefix "service/consul-snapshot/" { policy = "write" }
#   session_prefix "" { policy = "write" }
job "consul-snapshot" {
  type = "service"

  group "consul-snapshot" {
    count = 2 # one makes the backups, the other waits for the lock

    constraint {
      distinct_hosts = true
    }

    ephemeral_disk {
      size = 1000 # MB: several times an archive, decompressed
    }

    network {
      port "health" {}
    }

    service {
      name = "consul-snapshot"
      port = "health"

      check {
        type     = "http"
        path     = "/health" # as good on the one that waits
        interval = "1m"
        timeout  = "10s"
      }
    }

    task "backup" {
      driver       = "exec"
      user         = "nobody"
      kill_timeout = "90s" # an upload that is cut short is cleared away

      config {
        command = "/usr/local/bin/lictor"
        args    = ["consul-snapshot", "backup"]
      }

      env {
        CONSUL_HTTP_ADDR            = "http://127.0.0.1:8500"
        BACKUPINTERVAL              = "900"
        S3BUCKET                    = "backups"
        S3REGION                    = "eu-west-1"
        SNAPSHOT_TMP_DIR            = "${NOMAD_TASK_DIR}"
        CONSUL_SNAPSHOT_HEALTH_ADDR = "${NOMAD_ADDR_health}"
      }

      # With Vault: a block  vault { role = "consul-snapshot" }  and, in place of nomadVar,  with secret "kv/data/consul-snapshot"  and .Data.data.
      template {
        destination = "${NOMAD_SECRETS_DIR}/consul-snapshot.env"
        env         = true
        data        = <<EOF
{{ with nomadVar "nomad/jobs/consul-snapshot" }}
CONSUL_HTTP_TOKEN={{ .consul_token | toJSON }}
AWS_ACCESS_KEY_ID={{ .aws_access_key_id | toJSON }}
AWS_SECRET_ACCESS_KEY={{ .aws_secret_access_key | toJSON }}
CRYPTO_PASSWORD={{ .crypto_password | toJSON }}
{{ end }}
EOF
      }

      resources {
        cpu        = 200
        memory     = 256 # plain archives stream; with CRYPTO_PASSWORD two to three times the archive more
        memory_max = 1200
      }
    }
  }
}
