from billing import defaults


class Config:
    ORIGINS = defaults.ORIGINS + ["https://admin.acme.com"]
