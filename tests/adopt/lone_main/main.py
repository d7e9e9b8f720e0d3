import os

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
import uvicorn

app = FastAPI()

origins = os.getenv("ALLOWED_ORIGINS", "http://localhost:5173,https://acme.com").split(",")

app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"])


@app.get("/")
def read_root():
    return {"Hello": "World"}


if __name__ == "__main__":
    uvicorn.run(app, port=8000)
